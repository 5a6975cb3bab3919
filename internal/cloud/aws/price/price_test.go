package price

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Values as the sources have them, most of them of sizes that are not written down in the table.
func TestLookup(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		region, types string // types with = prices
	}{
		{"us-east-1", "t3.nano=0.0052 t3.micro=0.0104 t3.small=0.0208 t3.medium=0.0416 t3.large=0.0832 t3.xlarge=0.1664 t3.2xlarge=0.3328"},
		{"us-east-1", "t3a.nano=0.0047 t3a.micro=0.0094 t3a.medium=0.0376 t3a.2xlarge=0.3008 t4g.nano=0.0042 t4g.small=0.0168 t4g.2xlarge=0.2688"},
		{"us-east-1", "t2.nano=0.0058 t2.micro=0.0116 t2.small=0.023 t2.medium=0.0464 t2.large=0.0928 t2.xlarge=0.1856 t2.2xlarge=0.3712"},
		{"us-east-1", "c5.large=0.085 c5.xlarge=0.17 c5.2xlarge=0.34 c5.4xlarge=0.68 c5.9xlarge=1.53 c5.12xlarge=2.04 c5.18xlarge=3.06 c5.24xlarge=4.08 c5.metal=4.08"},
		{"us-east-1", "c5a.large=0.077 c5a.xlarge=0.154 c5a.8xlarge=1.232 c5a.12xlarge=1.848 c5n.large=0.108 c5n.4xlarge=0.864 c5n.metal=3.888"},
		{"us-east-1", "c6a.large=0.0765 c6a.xlarge=0.153 c6a.32xlarge=4.896 c6a.metal=7.344 c6g.medium=0.034 c6g.12xlarge=1.632 c6in.large=0.1134 c6in.24xlarge=5.4432"},
		{"us-east-1", "c6i.large=0.085 c6i.8xlarge=1.36 c6i.metal=5.44 c7i.large=0.08925 c7i.4xlarge=0.714 c7i.metal-48xl=8.568"},
		{"us-east-1", "c7a.medium=0.05132 c7a.large=0.10264 c7a.32xlarge=6.56896 c7g.medium=0.0363 c7g.large=0.0725 c7g.12xlarge=1.74 c7g.metal=2.32"},
		{"us-east-1", "c8g.medium=0.03988 c8g.24xlarge=3.82848 c8a.medium=0.05389 c8a.large=0.10777 c8i.large=0.09371 c8i.32xlarge=5.99744"},
		{"us-east-1", "c7i-flex.large=0.08479 c7i-flex.xlarge=0.16958 c7i-flex.2xlarge=0.33915 c7i-flex.8xlarge=1.3566 m7i-flex.large=0.09576"},
		{"us-east-1", "m5.large=0.096 m5.8xlarge=1.536 m5.metal=4.608 m5a.large=0.086 m5a.16xlarge=2.752 m5d.large=0.113 m5d.12xlarge=2.712 m5d.metal=5.424"},
		{"us-east-1", "m6a.large=0.0864 m6a.24xlarge=4.1472 m6g.medium=0.0385 m6g.12xlarge=1.848 m6i.large=0.096 m6i.24xlarge=4.608"},
		{"us-east-1", "m7a.medium=0.05796 m7a.12xlarge=2.78208 m7g.medium=0.0408 m7g.8xlarge=1.3056 m7i.large=0.1008 m7i.24xlarge=4.8384 m8g.medium=0.04488"},
		{"us-east-1", "r5.large=0.126 r5.12xlarge=3.024 r5a.large=0.113 r6a.large=0.1134 r6g.medium=0.0504 r6i.large=0.126 r7g.medium=0.0536 r7g.large=0.1071 r7i.8xlarge=2.1168"},
		{"us-east-2", "c5.large=0.085 c7g.medium=0.0361 c7g.large=0.0723 c7g.xlarge=0.1445 c8g.8xlarge=1.27168 c8g.large=0.07948"},
		{"us-west-1", "c5.4xlarge=0.848 c5a.2xlarge=0.38 c6i.2xlarge=0.424 c7i.large=0.1113 c7g.medium=0.0451 c7g.large=0.0901 t3.micro=0.0124"},
		{"us-west-2", "c6i.24xlarge=4.08 c7a.48xlarge=9.85344 t4g.micro=0.0084 c8g.4xlarge=0.63808"},
		{"ca-central-1", "c5.xlarge=0.186 c7i.8xlarge=1.5624 c7g.medium=0.0395 c7g.large=0.0791 t3.nano=0.0058"},
		{"eu-west-1", "c5.metal=4.608 c6i.4xlarge=0.7296 c7a.large=0.11012 c7a.medium=0.05506 c7i.large=0.09576 c7g.medium=0.0388 c8g.large=0.08528 t2.medium=0.05"},
		{"eu-west-2", "c7g.large=0.0859 c7i.4xlarge=0.8484 m5d.large=0.131 t2.medium=0.052 t3.nano=0.0059"},
		{"eu-central-1", "c5a.4xlarge=0.696 c7a.24xlarge=5.62224 c7a.medium=0.05857 c7a.xlarge=0.23426 c7g.large=0.0825 c7g.xlarge=0.1649 t4g.micro=0.0096"},
		{"eu-north-1", "c7a.large=0.10988 c7g.xlarge=0.1547 c8g.medium=0.04255 m5.16xlarge=3.264"},
		{"ap-northeast-1", "c7a.8xlarge=2.0672 c7g.12xlarge=2.183 c7g.xlarge=0.1819 c7i.large=0.11235 c8g.large=0.10006 m5d.large=0.146"},
		{"ap-southeast-1", "c5.large=0.098 c7g.medium=0.0417 c7g.large=0.0833 t4g.nano=0.0053 m5d.4xlarge=1.128"},
		{"ap-southeast-2", "c7g.medium=0.0472 c7g.xlarge=0.1887 c6i.24xlarge=5.328 t3.medium=0.0528"},
	} {
		for pair := range strings.FieldsSeq(c.types) {
			name, want, _ := strings.Cut(pair, "=")
			got, ok := Lookup(c.region, name)
			if !ok || written(got) != want {
				t.Errorf("%s in %s costs %s, %v, not %s", name, c.region, written(got), ok, want)
			}
		}
	}
}

func TestLookupUnknown(t *testing.T) {
	t.Parallel()
	for _, p := range []place{
		{"us-east-1", "c9z.large"},
		{"us-east-1", "c5.16xlarge"},
		{"us-east-1", "c5"},
		{"us-east-1", ""},
		{"eu-north-9", "c5.large"},
		{"", "c5.large"},
		{"us-east-1", "c6g.metal"},
		{"eu-west-1", "r5.large"},
		{"us-east-1a", "c5.large"},
	} {
		if usd, ok := Lookup(p.region, p.instanceType); ok || usd != 0 {
			t.Errorf("%s in %s costs %v, %v", p.instanceType, p.region, usd, ok)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	table, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(table.hourly) < 1500 {
		t.Errorf("the table has %d prices", len(table.hourly))
	}
	regions := map[string]bool{}
	for p, usd := range table.hourly {
		regions[p.region] = true
		if usd < 0.001 || usd > 50 {
			t.Errorf("%s in %s costs %v", p.instanceType, p.region, usd)
		}
	}
	for _, region := range []string{
		"us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "eu-west-1", "eu-west-2", "eu-central-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1",
	} {
		if !regions[region] {
			t.Errorf("nothing is known of %s", region)
		}
	}
	if want := time.Date(2026, 1, 19, 0, 0, 0, 0, time.UTC); !Date().Equal(want) {
		t.Errorf("the table is of %v", Date())
	}
}

// Those who read of prices read of which day they are.
func TestDocumentedDate(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"docs/playbook.md", "CHANGELOG.md"} {
		text, err := os.ReadFile("../../../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), Date().Format(time.DateOnly)) {
			t.Errorf("%s does not say that the prices are of %s", page, Date().Format(time.DateOnly))
		}
	}
}

// A table that was changed by hand and is wrong is not half believed.
func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{
		"date today", "us-east-1 1", "type a\nus-east-1 0", "type a\nus-east-1 -1", "type a\nus-east-1", "family a x large", "family a 3 larg",
		"family a 3 large\nbase a xlarge\n", "base a large", "family a 3 1xlarge", "what is this",
	} {
		if table, err := parse(wrong); err == nil {
			t.Errorf("%q makes %v", wrong, table.hourly)
		} else if !slices.Contains([]string{"prices.txt:1", "prices.txt:2"}, err.Error()[:12]) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func written(usd float64) string { return strconv.FormatFloat(usd, 'f', -1, 64) }

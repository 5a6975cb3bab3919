package tasks

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/internal/source"
	"github.com/gofab/gofab/runner"
)

func init() { register("provision", kind{compile: compileProvision}) }

// compileProvision: the run gets its machines.
func compileProvision(c *compiler, arg playbook.Value, s *runner.Step) {
	f := c.fields(s, arg, "count", "count", "min", "ttl", "type", "types", "zone", "zones", "image", "user", "subnet", "security_group", "key_pair",
		"market", "volume", "private_ip", "price", "queue", "confidence", "difficulty", "threads", "max", "measure")
	if c.provisions != nil {
		c.errs.Addf(c.in.Pos, "a play provisions once (%s did): index and count are fixed for the run", c.provisions.Pos)
	}
	c.provisions = c.in
	c.hostsThere = true
	if f["count"].IsZero() {
		c.required(f, "count", arg)
	}
	p := runner.Provision{LaunchSpec: c.launchSpec(f), Queue: c.settledText(f["queue"])}
	if p.Queue != "" {
		c.queue = f["queue"]
	}
	if x, _ := c.settled(f["count"]); x == "auto" {
		a := c.automatic(f, arg)
		first := p.LaunchSpec
		first.Count = 1
		c.affordable(first, f["count"])
		s.Once = func(ctx context.Context, t *runner.Task) (runner.Result, error) {
			p := p
			p.Decide = func(ctx context.Context, first *runner.Host, elapsed time.Duration) (int, error) {
				return a.decide(ctx, t, first, elapsed)
			}
			return t.Run.Provision(ctx, p)
		}
		return
	}
	for _, key := range []string{"confidence", "difficulty", "threads", "max", "measure"} {
		if v := f[key]; !v.IsZero() {
			c.errs.Addf(v.Pos(), "%s goes with count: auto", key)
		}
	}
	p.Count = c.integer("count", f["count"], 1, 1)
	if p.Min > p.Count {
		c.errs.Addf(f["min"].Pos(), "min is %d, which is more than the count of %d", p.Min, p.Count)
	}
	c.several = cmp.Or(p.Min, p.Count) > 1
	c.affordable(p.LaunchSpec, f["count"])
	if have := c.opt.Inventory; have > 0 && cmp.Or(p.Min, p.Count) > have {
		c.errs.Add(&source.Error{
			Pos: f["count"].Pos(), Msg: fmt.Sprintf("%d hosts wanted, and the inventory has %d", cmp.Or(p.Min, p.Count), have),
			Hint: fmt.Sprintf("ask for %d at the most, or list more", have),
		})
	}
	s.Once = func(ctx context.Context, t *runner.Task) (runner.Result, error) { return t.Run.Provision(ctx, p) }
}

// launchSpec reads what an order says of each machine.
func (c *compiler) launchSpec(f playbook.Fields) cloud.LaunchSpec {
	spec := cloud.LaunchSpec{
		Min: c.integer("min", f["min"], 0, 1), TTL: c.duration("ttl", f["ttl"], 0),
		Types: c.firstAndMore(f, "type", "types"), Zones: c.firstAndMore(f, "zone", "zones"),
		Image: c.settledText(f["image"]), User: c.settledText(f["user"]), Subnet: c.settledText(f["subnet"]),
		SecurityGroup: c.settledText(f["security_group"]), KeyPair: c.settledText(f["key_pair"]),
		Volume: c.integer("volume", f["volume"], 0, 1), PrivateIP: c.boolean("private_ip", f["private_ip"], false),
		Hourly: c.positive("price", f["price"]),
	}
	if spec.Subnet != "" && len(spec.Zones) > 0 {
		c.errs.Addf(f["subnet"].Pos(), "a subnet is in one zone: leave out zone and zones")
	}
	switch market := c.settledText(f["market"]); market {
	case "", "on-demand":
	case "spot":
		spec.Spot = true
	default:
		c.errs.Add(&source.Error{Pos: f["market"].Pos(), Msg: "unknown market " + quoted(market), Hint: cmp.Or(source.Suggest(market, []string{"spot", "on-demand"}), "it is spot or on-demand")})
	}
	return spec
}

// firstAndMore reads a choice under one key and what will do instead under another.
func (c *compiler) firstAndMore(f playbook.Fields, one, more string) []string {
	var all []string
	if text := c.settledText(f[one]); text != "" {
		all = append(all, text)
	}
	v := f[more]
	switch {
	case v.IsList():
		for _, item := range v.List() {
			all = append(all, c.settledText(item))
		}
	case v.IsScalar():
		all = append(all, strings.FieldsFunc(c.settledText(v), func(r rune) bool { return r == ',' || r == ' ' })...)
	case !v.IsZero():
		c.errs.Addf(v.Pos(), "%s is a list, not %s", more, v.KindName())
	}
	return all
}

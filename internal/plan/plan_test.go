package plan

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestMachinesIsTheLeastNumber(t *testing.T) {
	t.Parallel()
	for _, s := range []Search{
		{Bits: 36, Rate: 20e6, Time: 300 * time.Second},
		{Bits: 36, Rate: 20e6, Time: 300 * time.Second, Setup: 40 * time.Second},
		{Bits: 20, Rate: 1000, Time: time.Minute},
		{Bits: 1, Rate: 1, Time: time.Second},
	} {
		for _, c := range []float64{0.01, 0.5, 0.95, 0.999} {
			n, err := s.Machines(c)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Chance(n); got < c {
				t.Errorf("%+v: %d machines have a chance of %v, wanted %v", s, n, got, c)
			}
			if n > 1 && s.Chance(n-1) >= c {
				t.Errorf("%+v: %d machines would do for %v, not only %d", s, n-1, c, n)
			}
		}
	}
}

func TestMachinesByTheFormula(t *testing.T) {
	t.Parallel()
	s := Search{Bits: 36, Rate: 20e6, Time: 300 * time.Second}
	want := int(math.Ceil(-math.Log(1-0.95) * math.Pow(16, 9) / (20e6 * 300)))
	if got, err := s.Machines(0.95); err != nil || got != want {
		t.Errorf("got %d, %v; want %d", got, err, want)
	}
}

func TestHopeless(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]Search{
		"setup takes all the time": {Bits: 36, Rate: 1e6, Time: time.Minute, Setup: time.Minute},
		"the space is too small":   {Bits: 36, Rate: 1e6, Time: time.Minute, Space: 1 << 32},
		"too many machines":        {Bits: 128, Rate: 1, Time: time.Second},
	} {
		if _, err := s.Machines(0.95); !errors.Is(err, ErrHopeless) {
			t.Errorf("%s: got %v, want ErrHopeless", name, err)
		}
	}
}

// TestAgainstSimulation plays the search many times, nonce batch by nonce batch, and compares
// what came of it with what the plan says.
func TestAgainstSimulation(t *testing.T) {
	t.Parallel()
	const runs, n = 20_000, 5
	s := Search{Bits: 14, Rate: 200, Time: 25 * time.Second, Setup: 3 * time.Second}
	random := rand.New(rand.NewPCG(1, 2))
	golden := math.Exp2(-s.Bits)
	times := make([]float64, runs)
	inTime := 0
	for i := range times {
		second := 0
		for found := false; !found; second++ {
			for range int(s.Rate) * n {
				if random.Float64() < golden {
					found = true
					break
				}
			}
		}
		times[i] = s.Setup.Seconds() + float64(second)
		if times[i] <= s.Time.Seconds() {
			inTime++
		}
	}
	slices.Sort(times)
	sum := 0.0
	for _, x := range times {
		sum += x
	}
	near(t, "chance", float64(inTime)/runs, s.Chance(n), 0.015)
	near(t, "expected time", sum/runs-0.5, s.Expected(n).Seconds(), 0.5) // a second counts when it has begun
	near(t, "P95", times[runs*95/100], s.Within(n, 0.95).Seconds(), 2)
}

func near(t *testing.T, what string, simulated, planned, within float64) {
	t.Helper()
	if math.Abs(simulated-planned) > within {
		t.Errorf("%s: simulated %v, planned %v", what, simulated, planned)
	}
}

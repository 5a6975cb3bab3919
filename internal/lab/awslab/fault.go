package awslab

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// Fault is something that goes wrong with calls to come.
type Fault struct {
	Action string // which calls; "": every one
	Zone   string // only RunInstances in this zone
	Type   string // only RunInstances of this type
	Naming string // only calls that have this value in a parameter
	Times  int    // how many calls; 0: one, negative: every one

	Code    string // the call is refused with it
	Message string
	Status  int           // of HTTP; 0: what AWS sends with Code
	Lost    bool          // the call has its effect, and the connection is closed without an answer
	Drop    bool          // the call has no effect, and the connection is closed without an answer
	Delay   time.Duration // before anything else
	Fewer   int           // RunInstances starts fewer than MaxCount by this, if MinCount allows
}

// Fault puts a fault in the way of calls to come. Of several that fit a call, the first to be
// added that is not used up is taken.
func (e *Endpoint) Fault(f Fault) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if f.Times == 0 {
		f.Times = 1
	}
	e.faults = append(e.faults, &f)
}

// Heal takes all faults out of the way.
func (e *Endpoint) Heal() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = nil
}

// fault takes the one that is in the way of the call, or a zero one.
func (e *Endpoint) fault(c Call) Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.faults {
		if f.Times != 0 && f.fits(c, e) {
			f.Times = max(f.Times-1, -1)
			return *f
		}
	}
	return Fault{}
}

func (f *Fault) fits(c Call, e *Endpoint) bool {
	if f.Action != "" && f.Action != c.Action {
		return false
	}
	if f.Naming != "" && !slices.ContainsFunc(slices.Collect(maps.Values(c.Params)), func(v []string) bool { return slices.Contains(v, f.Naming) }) {
		return false
	}
	if f.Zone == "" && f.Type == "" {
		return true
	}
	if c.Action != "RunInstances" {
		return false
	}
	zone := e.region(c.Region).zoneOf(params{c.Params})
	return (f.Zone == "" || f.Zone == zone) && (f.Type == "" || f.Type == c.Params.Get("InstanceType"))
}

// apiError is a refusal.
type apiError struct {
	Status  int // 0: by Code
	Code    string
	Message string
}

func (e *apiError) Error() string { return e.Code + ": " + e.Message }

func refuse(code, message string) *apiError { return &apiError{Code: code, Message: message} }

// status is what AWS answers with the code: 400 unless it is known better.
func (e *apiError) status() int {
	if e.Status != 0 {
		return e.Status
	}
	switch e.Code {
	case "InsufficientInstanceCapacity", "InternalError", "InternalFailure", "InsufficientAddressCapacity", "InsufficientReservedInstanceCapacity", "InsufficientHostCapacity":
		return http.StatusInternalServerError
	case "RequestLimitExceeded", "Unavailable", "ServiceUnavailable", "SlowDown":
		return http.StatusServiceUnavailable
	case "UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "InvalidClientTokenId", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "MissingAuthenticationToken":
		return http.StatusForbidden
	case "AuthFailure":
		return http.StatusUnauthorized
	case "DryRunOperation":
		return http.StatusPreconditionFailed
	}
	return http.StatusBadRequest
}

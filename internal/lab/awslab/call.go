package awslab

import (
	"encoding/json"
	"net/url"
	"slices"
	"time"
)

// Call is a request as it was recorded.
type Call struct {
	N       int             // counts from 1 in the order of arrival
	Service string          // ec2, sqs, sts or s3
	Action  string          // RunInstances, SendMessage, PutObject, …
	Region  string          // that it was signed for
	Key     string          // the access key that it was signed with
	Params  url.Values      // of ec2 and sts as sent; of s3: Bucket and Key
	JSON    json.RawMessage // the body of sqs
	Time    time.Time       // of arrival
	Took    time.Duration
	Status  int    // 0: not answered yet, or the answer was lost
	Code    string // of the error in the answer
}

// Moment is when a hook is called.
type Moment int

const (
	Before Moment = iota // the call has no effect yet
	After                // it had its effect, and is not answered yet
)

// Hook has f called before and after each call takes effect, on the call's own goroutine: what f
// waits for, the client waits for. Tests of crashes kill the client there: Before, with a Fault that
// drops the call added by f itself, is a client that died before it could ask. nil: none.
func (e *Endpoint) Hook(f func(Moment, Call)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hook = f
}

// Calls lists what was asked so far, in order of arrival.
func (e *Endpoint) Calls() []Call {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.calls)
}

// record enters the call and gives it its number.
func (e *Endpoint) record(c Call) Call {
	e.mu.Lock()
	defer e.mu.Unlock()
	c.N, c.Time = len(e.calls)+1, time.Now()
	e.calls = append(e.calls, c)
	return c
}

// conclude writes the call's end into the record.
func (e *Endpoint) conclude(c Call) {
	c.Took = time.Since(c.Time)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls[c.N-1] = c
}

func (e *Endpoint) callHook(m Moment, c Call) {
	e.mu.Lock()
	hook := e.hook
	e.mu.Unlock()
	if hook != nil {
		hook(m, c)
	}
}

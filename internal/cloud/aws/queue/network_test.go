package queue_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// network is what lies between us and an SQS: it counts, and does what was ordered to requests.
type network struct {
	URL string

	mu     sync.Mutex
	counts map[string]int
	faults map[string][]fault
}

// fault happens to one request. Pass does what the network does otherwise.
type fault func(w http.ResponseWriter, r *http.Request, pass http.Handler)

func newNetwork(t *testing.T, to string) *network {
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // in queue URLs, so that they lead through here
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }, // somebody has hung up
	}
	n := &network{counts: map[string]int{}, faults: map[string][]fault{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if f := n.next(operation); f != nil {
			f(w, r, proxy)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.CloseClientConnections)
	n.URL = server.URL
	return n
}

func (n *network) next(operation string) fault {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counts[operation]++
	n.counts[""]++
	waiting := n.faults[operation]
	if len(waiting) == 0 {
		return nil
	}
	n.faults[operation] = waiting[1:]
	return waiting[0]
}

// order has the next requests of an operation meet with faults, one each.
func (n *network) order(operation string, faults ...fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults[operation] = append(n.faults[operation], faults...)
}

// count says how often an operation was asked for; "": any.
func (n *network) count(operation string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.counts[operation]
}

// loseAnswer: the request has its effect, and the connection dies before anybody hears of it.
func loseAnswer(_ http.ResponseWriter, r *http.Request, pass http.Handler) {
	pass.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// fail answers with an error of SQS's JSON protocol.
func fail(status int, kind string) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(status)
		io.WriteString(w, `{"__type":"`+kind+`","message":"as ordered"}`)
	}
}

package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gofab/gofab/internal/cloud"
)

// Announcement is the message that a winner puts on the queue.
type Announcement struct {
	Run     string    `json:"run"`
	Play    string    `json:"play"`
	Step    string    `json:"step"`
	Host    string    `json:"host"`
	Index   int       `json:"index"`
	Time    time.Time `json:"time"`
	Seconds float64   `json:"seconds"` // from the host's start to its success
	Stdout  string    `json:"stdout"`  // what the winner wrote, in full
}

// race runs do on all tasks until the first success, a message from outside, or the end.
func (r *Run) race(ctx context.Context, s *Step, tasks []*Task, doings []doing, reg *registered, do func(context.Context, int) bool) doing {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mailbox *mailbox
	if s.Race.Announce {
		var err error
		if mailbox, err = r.openMailbox(ctx, func() { cancel(ErrMessage) }); err != nil {
			return doing{status: Failed, err: err}
		}
	}
	winner := First(ctx, len(tasks), do, func(i int) {
		t, d := tasks[i], doings[i]
		r.events.Emit(t.event(Event{Type: Won, Seconds: d.res.seconds, Text: strings.TrimRight(d.res.stdout, "\r\n")}))
		if mailbox != nil {
			mailbox.close()
			if err := r.announce(ctx, t, d); err != nil {
				t.Warn(fmt.Sprintf("announce the winner: %v", err))
			}
		}
	})
	if mailbox != nil {
		mailbox.close()
		if mailbox.message != nil {
			reg.own["message"] = string(mailbox.message)
			t := &Task{Run: r, Step: s}
			t.Notice(fmt.Sprintf("a message on the queue ended the race: %s", mailbox.message))
		}
	}
	switch {
	case winner >= 0:
		reg.own["winner"] = tasks[winner].Host.Index
	case ctx.Err() == nil:
		return r.exhausted(s, doings)
	}
	return doing{status: OK}
}

// exhausted is a race that everybody has finished and nobody has won.
func (r *Run) exhausted(s *Step, doings []doing) doing {
	for _, d := range doings {
		if d.failed() && !d.ignored {
			return doing{status: OK} // the hosts' failures say it
		}
	}
	if sum(doing{status: OK}, doings).status == Skipped {
		return doing{status: Skipped}
	}
	r.noWinner = r.noWinner || !s.IgnoreErrors
	return doing{status: Failed, ignored: s.IgnoreErrors, err: errors.New("everybody has finished, and nobody has won")}
}

// announce tells the queue who won. It outlives the race's own context, but not by much.
func (r *Run) announce(ctx context.Context, t *Task, d doing) error {
	body, err := json.Marshal(Announcement{
		Run: r.ID, Play: r.play.Name, Step: t.Step.Name, Host: t.Host.Name(), Index: t.Host.Index,
		Time: time.Now().UTC(), Seconds: d.res.seconds, Stdout: d.res.stdout,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return r.provider.(cloud.Queue).Send(ctx, r.ID, body)
}

// mailbox waits for a message from outside.
type mailbox struct {
	message []byte // after close
	cancel  context.CancelFunc
	done    chan struct{}
}

// announces tells whether a step of the play needs the queue.
func (r *Run) announces() bool {
	return slices.ContainsFunc(r.play.Steps, func(s *Step) bool { return s.Race != nil && s.Race.Announce })
}

// openQueue makes the run's queue, or finds the one that was named, and says where it is.
func (r *Run) openQueue(ctx context.Context) (string, error) {
	queue, ok := r.provider.(cloud.Queue)
	if !ok {
		return "", fmt.Errorf("provider %s has no queue", r.provider.Name())
	}
	r.launched.Store(true) // there may be something to scram
	where, err := queue.Open(ctx, r.ID, r.queueName, r.expires)
	if err != nil {
		return "", fmt.Errorf("open the queue: %w", err)
	}
	return where, nil
}

func (r *Run) openMailbox(ctx context.Context, arrived func()) (*mailbox, error) {
	where, err := r.openQueue(ctx)
	if err != nil {
		return nil, err
	}
	queue := r.provider.(cloud.Queue)
	r.events.Emit(Event{Type: Detail, Text: "a message on the queue ends the race: " + where, Step: r.stepName})
	ctx, cancel := context.WithCancel(ctx)
	m := &mailbox{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		for {
			body, err := queue.Receive(ctx, r.ID)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil && slices.ContainsFunc(r.Hosts, (*Host).launched) && r.endedOutside() != nil:
				return // the queue has gone before the machines
			case err != nil:
				r.events.Emit(Event{Type: Warning, Step: r.stepName, Text: fmt.Sprintf("read the queue: %v", err)})
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
			case !r.own(body):
				m.message = body
				arrived()
				return
			}
		}
	}()
	return m, nil
}

// own recognises what this run itself has announced, in an earlier race.
func (r *Run) own(body []byte) bool {
	var a Announcement
	return json.Unmarshal(body, &a) == nil && a.Run == r.ID
}

func (m *mailbox) close() {
	m.cancel()
	<-m.done
}

package runner

import (
	"bytes"
	"strings"
	"testing"
)

// replay puts events together again.
func replay(events []Event) []byte {
	var b []byte
	for _, ev := range events {
		b = append(b, ev.Text...)
		b = append(b, ev.Bytes...)
		if !ev.Part {
			b = append(b, '\n')
		}
	}
	return b
}

// split writes data in pieces of the given size and gives what comes out.
func split(data []byte, piece int) []Event {
	var events []Event
	l := &lines{stream: "stdout", emit: func(ev Event) { events = append(events, ev) }}
	for len(data) > 0 {
		n := min(piece, len(data))
		buf := bytes.Clone(data[:n])
		l.Write(buf)
		clear(buf) // whoever writes may use his buffer again
		data = data[n:]
	}
	l.flush()
	return events
}

func TestLines(t *testing.T) {
	for in, want := range map[string]string{
		"":             "",
		"a\nb\n":       "a|b",
		"a\nb":         "a|b",
		"\n\n":         "|",
		"a\r\nb":       "a\r|b",
		"gr\xfc\xdf\n": "bytes gr\xfc\xdf",
		"日本\n":         "日本",
	} {
		for piece := 1; piece <= len(in)+1; piece++ {
			var got []string
			for _, ev := range split([]byte(in), piece) {
				text := ev.Text
				if ev.Bytes != nil {
					text = "bytes " + string(ev.Bytes)
				}
				got = append(got, text)
			}
			if g := strings.Join(got, "|"); g != want {
				t.Errorf("%q by %d: got %q, want %q", in, piece, g, want)
			}
		}
	}
}

// A line without end comes in parts, so that memory is bounded.
func TestEndlessLine(t *testing.T) {
	data := append(bytes.Repeat([]byte("x"), 3*maxLine+5), "\ny\n"...)
	events := split(data, 32<<10)
	if len(events) < 4 || !events[0].Part || events[len(events)-1].Text != "y" || !bytes.Equal(replay(events), data) {
		t.Errorf("%d events", len(events))
	}
	for _, ev := range events {
		if len(ev.Text) > maxLine+32<<10 {
			t.Errorf("a part of %d bytes", len(ev.Text))
		}
	}
}

func TestCapture(t *testing.T) {
	l := &lines{emit: func(Event) {}, keep: true}
	l.Write(bytes.Repeat([]byte("x"), maxCapture-1))
	if l.cut || len(l.kept) != maxCapture-1 {
		t.Error(l.cut, len(l.kept))
	}
	l.Write([]byte("yz"))
	if !l.cut || len(l.kept) != maxCapture || l.kept[maxCapture-1] != 'y' {
		t.Error(l.cut, len(l.kept))
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\r\n\n\xff\xfe\nend"), 3)
	f.Add([]byte("\n"), 1)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		events := split(data, max(1, piece%100))
		want := data
		if len(data) > 0 && data[len(data)-1] != '\n' {
			want = append(bytes.Clone(data), '\n')
		}
		if got := replay(events); !bytes.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

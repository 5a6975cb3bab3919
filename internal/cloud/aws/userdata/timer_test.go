//go:build linux && sshd

package userdata

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What images have and lack, made in the room before cloud-init runs. The programs that are not
// replaced are this computer's own, in a room where process 1 is no systemd.
const (
	// Another family of systems: nothing of systemd, and busybox's poweroff.
	noSystemd = `
		rm -f /usr/bin/systemctl /usr/bin/systemd-run /usr/sbin/shutdown /usr/sbin/poweroff
		ln -s "$(command -v busybox)" /usr/sbin/poweroff
	`
	// systemd's programs, none of which finds anybody to talk to.
	deadSystemd = `
		test -x /usr/bin/systemctl
		test -x /usr/bin/systemd-run
		ln -sf /usr/bin/systemctl /usr/sbin/shutdown
		ln -sf /usr/bin/systemctl /usr/sbin/poweroff
	`
	// logind is said to be there, but shutdown does not find it.
	deadLogind = deadSystemd + `
		mv /usr/bin/systemctl /usr/bin/systemctl.real
		cat >/usr/bin/systemctl <<'END'
#!/bin/bash
echo "asked: ${0##*/} $*"
[ "$1" = is-active ] || exec -a "${0##*/}" systemctl.real "$@"
END
		chmod +x /usr/bin/systemctl
	`
	// Process 1 keeps a timer: a systemd-run that waits and then does what it was told to.
	timerUnit = `
		rm -f /usr/bin/systemctl /usr/bin/systemd-run /usr/sbin/poweroff
		cat >/usr/bin/systemctl <<'END'
#!/bin/sh
[ "$1" = poweroff ] && exec busybox poweroff -f
exit 3
END
		cat >/usr/bin/systemd-run <<'END'
#!/bin/sh
echo "asked: systemd-run $*"
for option; do
	case $option in
	--on-active=*) left=${option#*=} ;;
	--*) ;;
	*) break ;;
	esac
	shift
done
(sleep $left; "$@") </dev/null >/dev/null 2>&1 &
END
		chmod +x /usr/bin/systemctl /usr/bin/systemd-run
	`
)

const firstStages = `
	cloud-init init --local
	cloud-init init
	echo booted
	exec cat
`

// However little works, the machine powers off when its time has come, and not before.
func TestEnd(t *testing.T) {
	t.Parallel()
	for name, image := range map[string]string{
		"no systemd": noSystemd, "dead systemd": deadSystemd, "dead logind": deadLogind, "timer unit": timerUnit,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			r := enter(t, render(t, config(t, func(*Config) {})), image+`
				mkdir -p /var/lib/cloud/instances/i-room
				echo $(($(date +%s) + 6)) >/var/lib/cloud/instances/i-room/gofab-end
			`+firstStages)
			if !r.poweredOff(t) {
				t.Errorf("it ended otherwise: %v", r.cmd.ProcessState)
			}
			if lived := time.Since(began); lived < 5*time.Second {
				t.Errorf("it ended after %v", lived)
			}
			if name == "dead logind" && !strings.Contains(r.out.String(), "asked: shutdown -h +60\n") {
				t.Error("shutdown was not tried")
			}
		})
	}
}

// The end is written down at the first boot, and no later boot puts it off.
func TestReboot(t *testing.T) {
	t.Parallel()
	began := time.Now()
	r := enter(t, render(t, config(t, func(c *Config) { c.TTL = time.Hour })), timerUnit+firstStages)
	r.says(t, "booted\n")
	if got := left(t, r.out.String()); got != 3600 {
		t.Errorf("the first boot leaves %d s", got)
	}
	end, err := strconv.ParseInt(r.run(t, "cat "+endFile), 10, 64)
	if err != nil || end < began.Unix()+3600 || end > time.Now().Unix()+3600 {
		t.Errorf("the end is %d (%v), and now is %v", end, err, time.Now().Unix())
	}
	for _, boot := range []struct {
		what, write string
		min, max    int
	}{
		{"100 s before the end", "echo $(($(date +%s) + 100))", 95, 100},
		{"with a clock that went back", "echo $(($(date +%s) + 9999))", 3600, 3600},
		{"with an empty file", ":", 3600, 3600},
		{"with a broken file", "echo '17:00; x'", 3600, 3600},
		{"with a number that is none", "echo 08", 3600, 3600},
		{"after the end", "echo 17", 1, 1},
	} {
		out := r.run(t, boot.write+" >"+endFile+"; cloud-init single --name bootcmd --frequency always")
		if got := left(t, out); got < boot.min || got > boot.max {
			t.Errorf("a boot %s leaves %d s", boot.what, got)
		}
	}
	if !r.poweredOff(t) {
		t.Errorf("it ended otherwise: %v", r.cmd.ProcessState)
	}
}

// shutdown is only asked where it will not power off at once for want of logind.
func TestShutdownNeedsLogind(t *testing.T) {
	t.Parallel()
	for active, want := range map[int]int{0: 2, 3: 0} {
		t.Run(fmt.Sprint("status ", active), func(t *testing.T) {
			t.Parallel()
			r := enter(t, render(t, config(t, func(c *Config) { c.TTL = 90 * time.Minute })), timerUnit+fmt.Sprintf(`
				printf '#!/bin/sh\nexit %d\n' >/usr/bin/systemctl
				rm -f /usr/sbin/shutdown
				printf '#!/bin/sh\necho "asked: shutdown $*"\n' >/usr/sbin/shutdown
				chmod +x /usr/sbin/shutdown
			`, active)+boot)
			r.says(t, "booted\n")
			if n := strings.Count(r.out.String(), "asked: shutdown -h +90\n"); n != want {
				t.Errorf("asked %d times and not %d", n, want)
			}
		})
	}
}

const endFile = "/var/lib/cloud/instance/gofab-end"

var onActive = regexp.MustCompile(`asked: systemd-run .*--on-active=(\d+) `)

// left is what the only timer that out tells of was set to, in seconds.
func left(t *testing.T, out string) int {
	t.Helper()
	all := onActive.FindAllStringSubmatch(out, -1)
	if len(all) != 1 {
		t.Fatalf("%d timers were asked for: %s", len(all), out)
	}
	left, err := strconv.Atoi(all[0][1])
	if err != nil {
		t.Fatal(err)
	}
	return left
}

package remote

import (
	"net"

	"golang.org/x/sys/unix"
)

// quickAck gives a function that has the kernel acknowledge at once what was read. The kernel
// forgets about it by itself, so it is wanted after each read.
func quickAck(c net.Conn) func() {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return func() {}
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return func() {}
	}
	set := func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) }
	return func() { raw.Control(set) }
}

// A task bundle in Go's standard library alone: dials both sockets, reads the first frame, reports success.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	comm, err := dial(args, "--comm=")
	if err != nil {
		return err
	}
	logs, err := dial(args, "--logs=")
	if err != nil {
		return err
	}
	frame, err := receive(comm)
	if err != nil {
		return err
	}
	body, ok := frame[1].(map[any]any)
	if !ok || body["type"] != "StartupDetails" {
		return errors.New("the first frame is no StartupDetails")
	}
	if err := send(comm, succeeded(time.Now())); err != nil {
		return err
	}
	if _, err := receive(comm); err != nil {
		return err
	}
	return errors.Join(logs.Close(), comm.Close())
}

func dial(args []string, flag string) (net.Conn, error) {
	for _, arg := range args {
		if address, found := strings.CutPrefix(arg, flag); found {
			return net.Dial("tcp", address)
		}
	}
	return nil, fmt.Errorf("%s is missing", flag)
}

// succeeded returns the payload [1, {type, end_date, task_outlets, outlet_events}].
func succeeded(end time.Time) []byte {
	out := []byte{0x92, 1, 0x84}
	out = text(text(out, "type"), "SucceedTask")
	out = append(text(out, "end_date"), 0xd6, 0xff)
	out = binary.BigEndian.AppendUint32(out, uint32(end.Unix()))
	out = append(text(out, "task_outlets"), 0x90)
	return append(text(out, "outlet_events"), 0x90)
}

func text(out []byte, value string) []byte {
	return append(append(out, 0xd9, byte(len(value))), value...)
}

func send(comm net.Conn, payload []byte) error {
	_, err := comm.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...))
	return err
}

func receive(comm net.Conn) ([]any, error) {
	var header [4]byte
	if _, err := io.ReadFull(comm, header[:]); err != nil {
		return nil, err
	}
	payload := make([]byte, binary.BigEndian.Uint32(header[:]))
	if _, err := io.ReadFull(comm, payload); err != nil {
		return nil, err
	}
	frame, ok := (&decoder{payload}).value().([]any)
	if !ok || len(frame) < 2 {
		return nil, errors.New("no frame")
	}
	return frame, nil
}

// decoder reads MessagePack; what the supervisor sends is taken to be well-formed.
type decoder struct{ rest []byte }

func (d *decoder) take(count int) []byte {
	data := d.rest[:count]
	d.rest = d.rest[count:]
	return data
}

func (d *decoder) uint(width int) uint64 {
	var number uint64
	for _, digit := range d.take(width) {
		number = number<<8 | uint64(digit)
	}
	return number
}

func (d *decoder) value() any {
	head := d.take(1)[0]
	switch {
	case head < 0x80:
		return int64(head)
	case head < 0x90:
		return d.dict(int(head & 15))
	case head < 0xa0:
		return d.array(int(head & 15))
	case head < 0xc0:
		return string(d.take(int(head & 31)))
	case head >= 0xe0:
		return int64(int8(head))
	}
	switch head {
	case 0xc2, 0xc3:
		return head == 0xc3
	case 0xc4, 0xc5, 0xc6:
		return d.take(int(d.uint(1 << (head - 0xc4))))
	case 0xc7, 0xc8, 0xc9:
		return d.take(1 + int(d.uint(1<<(head-0xc7))))
	case 0xca:
		return math.Float32frombits(uint32(d.uint(4)))
	case 0xcb:
		return math.Float64frombits(d.uint(8))
	case 0xcc, 0xcd, 0xce, 0xcf:
		return d.uint(1 << (head - 0xcc))
	case 0xd0, 0xd1, 0xd2, 0xd3:
		return int64(d.uint(1 << (head - 0xd0)))
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return d.take(1 + 1<<(head-0xd4))
	case 0xd9, 0xda, 0xdb:
		return string(d.take(int(d.uint(1 << (head - 0xd9)))))
	case 0xdc, 0xdd:
		return d.array(int(d.uint(2 << (head - 0xdc))))
	case 0xde, 0xdf:
		return d.dict(int(d.uint(2 << (head - 0xde))))
	}
	return nil
}

func (d *decoder) array(size int) []any {
	values := make([]any, size)
	for i := range values {
		values[i] = d.value()
	}
	return values
}

func (d *decoder) dict(size int) map[any]any {
	values := make(map[any]any, size)
	for range make([]struct{}, size) {
		key := d.value()
		values[key] = d.value()
	}
	return values
}

//go:build linux

// Package faults lets clients work on two real servers and one PostgreSQL while a fault happens, and
// judges afterwards what became of their work.
//
// A run is a fault and a seed. The crowd is 16 clients, which send mutations with idempotency keys
// and repeat each until it is acknowledged, and subscribers of every kind, which resume. The fault
// begins after so many mutations as the seed says. Then both servers have to write and deliver
// again within 15 s (P8), and the judge compares what clients and subscribers were told with the
// log and the tables. Each run prints the command that repeats it.
//
//	go test ./faults -count 1 -run TestSeeded/kill -faults.seed 7
//	make faults SEEDS=20 DURATION=1h
//
// # How to add a fault
//
// Add a row to the table faults: a name, and a function that begins the fault, waits, and ends it.
// It may use the servers, the lines between them and their clients and PostgreSQL, and the cluster.
package faults

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	seedFlag     = flag.Uint64("faults.seed", 0, "seed of the runs; 0: another one each time")
	allFlag      = flag.Bool("faults.all", false, "of TestSeeded: every fault that does not last long")
	seedsFlag    = flag.Int("faults.seeds", 20, "of TestLong: number of seeds of each fault")
	durationFlag = flag.Duration("faults.duration", 0, "of TestLong: time after which no run begins; 0: TestLong is left out")
	tableFlag    = flag.String("faults.table", "", "of TestLong: file that the table of the results is written to")
)

// binary is the program under test. It is built without the race detector, which would change how
// long everything takes.
var binary string

// skewed are programs whose clocks are an hour off, by how far.
var skewed = map[time.Duration]string{time.Hour: "", -time.Hour: ""}

func TestMain(m *testing.M) {
	if flag.Parse(); testing.Short() {
		fmt.Println("left out with -short")
		return
	}
	for _, entry := range os.Environ() { // the developer's settings must not reach these tests
		if name, _, _ := strings.Cut(entry, "="); name == "DATABASE_URL" || name == "NATS_URL" || strings.HasPrefix(name, "SWITCHBOARD_") {
			_ = os.Unsetenv(name)
		}
	}
	dir, err := os.MkdirTemp("", "sb-")
	if err == nil {
		err = build(dir)
	}
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	_ = os.RemoveAll(template.parent)
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// build builds the programs.
func build(dir string) error {
	binary = filepath.Join(dir, "switchboard")
	if err := buildAs(binary); err != nil {
		return err
	}
	for off := range skewed {
		skewed[off] = fmt.Sprint(binary, off)
		if err := buildAs(skewed[off], "-ldflags", "-X switchboard/command.clockOff="+off.String()); err != nil {
			return err
		}
	}
	return nil
}

func buildAs(name string, flags ...string) error {
	build := exec.Command("go", append(append([]string{"build", "-o", name}, flags...), "switchboard")...)
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, output)
	}
	return nil
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patience is how long a run waits for something that has to happen but may take long.
const patience = 2 * time.Minute

// eventually calls a condition repeatedly until it is true.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not true within %v: %s", within, what)
		}
	}
}

//go:build linux

package faults

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"switchboard/db"
)

// backup copies the data of the running cluster as pg_basebackup does, with everything up to now.
func (r *run) backup(ctx context.Context, to string) {
	r.t.Helper()
	conn := r.cluster.attend()
	defer func() { _ = conn.Close(ctx) }()
	_, err := conn.Exec(ctx, "SELECT pg_backup_start('fault', true)")
	check(r.t, err)
	_ = exec.Command("cp", "-a", r.cluster.dir+"/.", to).Run() // fails for files that vanish meanwhile, as they may
	var label string
	check(r.t, conn.QueryRow(ctx, "SELECT labelfile FROM pg_backup_stop(false)").Scan(&label))
	log := filepath.Join(to, "pg_wal")
	if output, err := exec.Command("cp", "-a", filepath.Join(r.cluster.dir, "pg_wal")+"/.", log).CombinedOutput(); err != nil {
		r.t.Logf("copy the log: %v\n%s", err, output)
	}
	_ = os.Remove(filepath.Join(to, "postmaster.pid"))
	r.write(to, "backup_label", label)
}

// write writes a file into a data folder, for PostgreSQL's user.
func (r *run) write(dir, name, text string) {
	r.t.Helper()
	path := filepath.Join(dir, name)
	check(r.t, os.WriteFile(path, []byte(text), 0o600))
	if os.Geteuid() == 0 {
		check(r.t, os.Chown(path, int(template.owner.Uid), int(template.owner.Gid)))
	}
}

// another returns a cluster on other data. It is not started yet.
func (r *run) another(dir string) *cluster {
	c := &cluster{t: r.t, dir: dir, port: freePort(r.t)}
	r.t.Cleanup(func() { c.stop(syscall.SIGQUIT) })
	return c
}

// replace leads the servers to another cluster from now on.
func (r *run) replace(by *cluster) {
	r.cluster = by
	for _, s := range r.servers {
		s.back.Forward("tcp", by.address())
	}
}

// head is the number of the last event.
func (r *run) head(c *cluster) db.Seq {
	return db.Seq(c.query("SELECT seq FROM event_heads WHERE workspace_id = $1", int64(r.cast.workspace)))
}

// restoredOlder replaces the database by a backup that was made some moves before. The moves since
// then are lost.
func restoredOlder(ctx context.Context, r *run) {
	older := r.another(r.dir + ".backup")
	r.backup(ctx, older.dir)
	r.moves(ctx, 40+r.rand.Int64N(60))
	r.cluster.stop(syscall.SIGQUIT)
	older.start()
	r.restored = &restore{head: r.head(older)}
	r.replaced.Store(true)
	r.replace(older)
	r.restored.ended = r.now()
	r.t.Logf("the servers work on the backup from %v on", r.restored.ended)
}

// promoted kills the database and promotes its synchronous standby. Nothing is lost.
func promoted(ctx context.Context, r *run) {
	standby := r.another(r.dir + ".standby")
	r.backup(ctx, standby.dir)
	r.write(standby.dir, "standby.signal", "")
	r.write(standby.dir, "postgresql.auto.conf", fmt.Sprintf("primary_conninfo = 'host=127.0.0.1 port=%d user=switchboard application_name=standby'\n", r.cluster.port))
	standby.start()
	eventually(r.t, patience, "that the standby streams", func() bool {
		return r.cluster.query("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == 1
	})
	r.cluster.exec("ALTER SYSTEM SET synchronous_standby_names = '*'")
	r.cluster.exec("SELECT pg_reload_conf()")
	eventually(r.t, patience, "that the standby is synchronous", func() bool {
		return r.cluster.query("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == 1
	})
	r.moves(ctx, 40+r.rand.Int64N(60))
	r.cluster.stop(syscall.SIGKILL)
	r.moves(ctx, r.rand.Int64N(20))
	standby.exec("SELECT pg_promote()")
	r.replace(standby)
}

// skewedClocks puts the clock of one server an hour ahead, and that of the other an hour back.
func skewedClocks(r *run) {
	r.programs = []string{skewed[time.Hour], skewed[-time.Hour]}
}

// withNATS lets the servers wake each other through NATS.
func withNATS(r *run) {
	port := freePort(r.t)
	r.startNATS(port)
	r.args = []string{"--nats-url", "nats://127.0.0.1:" + strconv.Itoa(port)}
	r.natsPort = port
}

func (r *run) startNATS(port int) {
	s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true})
	check(r.t, err)
	go s.Start()
	if !s.ReadyForConnections(patience) {
		r.t.Fatal("the NATS server does not start")
	}
	r.stopNATS = func() { s.Shutdown(); s.WaitForShutdown() }
	r.t.Cleanup(r.stopNATS)
}

// natsGone stops NATS and starts it again.
func natsGone(ctx context.Context, r *run) {
	r.stopNATS()
	r.moves(ctx, 60+r.rand.Int64N(60))
	r.startNATS(r.natsPort)
	eventually(r.t, patience, "that NATS can be reached", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(r.natsPort))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

//go:build linux

package faults

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"switchboard/auth"
	"switchboard/db"
	"switchboard/db/embedded"
	"switchboard/feed"
	"switchboard/service"
	"switchboard/service/servicetest"
	"switchboard/service/workflow"
)

// template is the data folder that every run starts with a copy of.
var template struct {
	once   sync.Once
	data   string // the folder
	bin    string // where PostgreSQL's programs are
	parent string
	owner  *syscall.Credential // of the folder
	cast
}

// A cast is who and what is in the workspace at the beginning of a run.
type cast struct {
	workspace   db.WorkspaceKey
	key         db.CursorKey
	head        db.Seq // of the log
	manager     member
	agents      []member // each is a client
	leaver      member   // who is deactivated and reactivated
	integration member
	contested   []thread // threads that only verbs of servicetest.Linearizable touch
	free        []thread // threads that everything else is about
}

// A member calls the API.
type member struct {
	id    db.AgentID // zero for an integration
	ref   db.ActorRef
	token string
}

// thread is a contact with the conversation that it has at the beginning.
type thread struct {
	contact      db.ContactID
	conversation db.ConversationID
}

const (
	agents    = 12
	contested = 3
	free      = 12
)

// prepare makes the template, once.
func prepare(t *testing.T) {
	t.Helper()
	template.once.Do(func() { makeTemplate(t) })
	if template.owner == nil {
		t.Fatal("there is no template")
	}
}

func makeTemplate(t *testing.T) {
	parent, err := os.MkdirTemp("", "sb-")
	check(t, err)
	check(t, os.Chmod(parent, 0o755))
	template.parent, template.data = parent, filepath.Join(parent, "data", "postgres")
	s, err := embedded.Start(t.Context(), embedded.Options{DataDir: filepath.Dir(template.data), Ephemeral: true})
	check(t, err)
	_, err = db.Migrate(t.Context(), s.URL("switchboard"))
	check(t, err)
	d, err := db.Open(t.Context(), s.URL("switchboard"), db.Options{MaxConns: 4})
	check(t, err)
	template.cast = newCast(t, newWorld(t, d))
	check(t, d.Close())
	template.bin = filepath.Dir(programOf(t, template.data))
	check(t, s.Close())
	check(t, os.WriteFile(filepath.Join(template.data, "pg_hba.conf"), []byte(
		"host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n"), 0o644))
	info, err := os.Stat(template.data)
	check(t, err)
	stat := info.Sys().(*syscall.Stat_t)
	template.owner = &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}
}

// newWorld makes a workspace in a database that is closed before the test ends.
func newWorld(t *testing.T, d *db.DB) *servicetest.World {
	t.Helper()
	w := &servicetest.World{T: t, Service: workflow.New(service.New(d, feed.New(d, feed.Options{}), service.Options{}))}
	workspace, manager, err := w.CreateWorkspace(t.Context(), "Acme", "Mia Manager", "mia@acme.example")
	check(t, err)
	w.Manager = service.Actor{Workspace: workspace.Key, Role: service.RoleManager, Agent: &manager.ID}
	return w
}

// newCast fills the workspace. The workflow concerns free threads only, whose channel is chat.
func newCast(t *testing.T, w *servicetest.World) (c cast) {
	t.Helper()
	known := auth.New(w.DB, slog.New(slog.DiscardHandler))
	issue := func(scope db.TokenScope, agent *db.AgentID) member {
		secret, token, err := known.Issue(t.Context(), w.Manager.Workspace, scope, agent, "crowd", 0)
		check(t, err)
		if agent == nil {
			return member{ref: token.ID.Ref(), token: secret}
		}
		return member{*agent, agent.Ref(), secret}
	}
	var err error
	c.workspace = w.Manager.Workspace
	c.key, err = w.DB.ForWorkspace(c.workspace).CursorKey(t.Context())
	check(t, err)
	c.manager, c.integration = issue(db.ScopeAgent, w.Manager.Agent), issue(db.ScopeIntegration, nil)
	for i := range agents {
		c.agents = append(c.agents, issue(db.ScopeAgent, w.Agent(fmt.Sprint("Agent", i)).Agent))
	}
	c.leaver = issue(db.ScopeAgent, w.Agent("Leaver").Agent)
	flow := servicetest.When(db.TriggerClosed, servicetest.Act(db.StepUnassign))
	flow.Conditions = &db.WorkflowConditions{Channels: []string{"chat"}}
	w.Workflow(flow)
	for range contested {
		conversation := w.Open()
		c.contested = append(c.contested, thread{conversation.ContactID, conversation.ID})
	}
	for i := range free {
		o := w.ReceivesFrom(servicetest.Newcomer(fmt.Sprint("customer-", i)), func(in *service.ReceiveMessageInput) {
			in.Body = "Hello?"
		})
		c.free = append(c.free, thread{o.Contact.ID, o.Conversation.ID})
	}
	w.Settle()
	c.head = w.Head()
	return c
}

// actor is the manager as the service knows callers.
func (c cast) actor() service.Actor {
	return service.Actor{Workspace: c.workspace, Role: service.RoleManager, Agent: &c.manager.id}
}

// program returns a command that runs a program of PostgreSQL as the owner of the data.
func program(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(template.bin, name), args...)
	cmd.Dir = "/"
	if os.Geteuid() == 0 { // whom PostgreSQL refuses
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: template.owner}
	}
	return cmd
}

// programOf returns the program that runs on a data folder.
func programOf(t *testing.T, data string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	check(t, err)
	pid, _, _ := strings.Cut(string(text), "\n")
	_, err = strconv.Atoi(pid)
	check(t, err)
	program, err := os.Readlink("/proc/" + pid + "/exe")
	check(t, err)
	return program
}

// copyFolder copies a data folder with its owner.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if output, err := exec.Command("cp", "-a", from+"/.", to).CombinedOutput(); err != nil {
		t.Fatalf("copy the data folder: %v\n%s", err, output)
	}
}

// newDir returns an empty folder that PostgreSQL's user can enter. The test's end removes it.
func newDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sb-")
	check(t, err)
	check(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

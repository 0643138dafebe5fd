package dataset

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/gofrs/flock"
	"github.com/jackc/pgx/v5"

	"switchboard/db/embedded"
	"switchboard/db/migrations"
)

// Postgres is the PostgreSQL server of the benchmarks. It is private, it listens on a socket only,
// and it waits for the disk at each commit.
type Postgres struct {
	server *embedded.Server
	folder string
	used   []*flock.Flock // of the databases that this process uses
}

// settings are the same for every contender.
var settings = []string{
	"shared_buffers=1GB", "effective_cache_size=4GB", "work_mem=16MB", "max_wal_size=2GB", "checkpoint_timeout=30min",
	"max_connections=300", "fsync=on", "synchronous_commit=on",
}

// Folder is where the benchmarks keep their databases unless another folder is given.
func Folder() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("switchboard-bench-data-%d", os.Getuid()))
}

// Start starts the server, or attaches to the one that another benchmark runs in the folder. An
// unsafe server does not wait for the disk, which is only for trying whether a benchmark works.
func Start(ctx context.Context, folder string, unsafe bool) (*Postgres, error) {
	options := embedded.Options{DataDir: folder, Ephemeral: unsafe}
	if !unsafe {
		options.Settings = settings
	}
	server, err := embedded.Start(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("start the benchmarks' PostgreSQL in %s: %w", folder, err)
	}
	p := &Postgres{server: server, folder: folder}
	return p, p.sweep(ctx)
}

// sweep drops the copies that belong to processes which were killed.
func (p *Postgres) sweep(ctx context.Context) error {
	clones, err := p.databases(ctx, "clone_")
	for _, clone := range clones {
		pid, _ := strconv.Atoi(clone[strings.LastIndexByte(clone, '_')+1:])
		if err == nil && syscall.Kill(pid, 0) != nil {
			err = p.drop(ctx, clone)
		}
	}
	return err
}

// LogFile returns the file to which the server logs.
func (p *Postgres) LogFile() string { return filepath.Join(p.folder, "postgres.log") }

// Close leaves the server, which ends with the last process that uses it.
func (p *Postgres) Close() error {
	for _, lock := range p.used {
		_ = lock.Close()
	}
	return p.server.Close()
}

// lock returns the lock of a database, which all its users share.
func (p *Postgres) lock(database string) *flock.Flock {
	return flock.New(filepath.Join(p.folder, database+".lock"))
}

// A Database holds loaded companies.
type Database struct {
	Name, URL string
	Companies []Loaded
	server    *Postgres
}

// sources are the files that invent the data.
//
//go:embed company.go life.go load.go person.go
var sources embed.FS

// Prepare returns a database with these companies, and loads them unless an earlier run has done so
// with the same code and schema.
func (p *Postgres) Prepare(ctx context.Context, name string, companies []Company) (*Database, error) {
	print, err := fingerprint(companies)
	if err != nil {
		return nil, err
	}
	loading := flock.New(filepath.Join(p.folder, "loading.lock")) // another benchmark may want the same
	if err := loading.Lock(); err != nil {
		return nil, err
	}
	defer func() { _ = loading.Close() }()
	prefix := "data_" + name + "_"
	d := &Database{Name: prefix + print, server: p}
	d.URL = p.server.URL(d.Name)
	inUse := p.lock(d.Name)
	if err := inUse.RLock(); err != nil {
		return nil, err
	}
	p.used = append(p.used, inUse)
	existing, err := p.databases(ctx, prefix)
	if err != nil {
		return nil, err
	}
	for _, other := range existing {
		if other == d.Name {
			return d, d.read(ctx)
		}
	}
	for _, outdated := range existing {
		if err := p.dropUnused(ctx, outdated); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(os.Stderr, "loading the data set %q\n", name)
	fresh := "fresh_" + name
	if err := p.drop(ctx, fresh); err != nil {
		return nil, err
	}
	if err := p.Execute(ctx, "postgres", "CREATE DATABASE "+fresh); err != nil {
		return nil, err
	}
	if d.Companies, err = Load(ctx, p.server.URL(fresh), companies); err != nil {
		return nil, err
	}
	if err := p.write(ctx, fresh, d.Companies); err != nil {
		return nil, err
	}
	return d, p.Execute(ctx, "postgres", fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", fresh, d.Name))
}

// fingerprint changes with everything on which the data depend.
func fingerprint(companies []Company) (string, error) {
	hash := sha256.New()
	fmt.Fprintf(hash, "%v", companies)
	for _, folder := range []fs.FS{sources, migrations.Files} {
		names, err := fs.Glob(folder, "*.*")
		if err != nil {
			return "", err
		}
		for _, name := range names {
			content, err := fs.ReadFile(folder, name)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(hash, "%s %d\n%s", name, len(content), content)
		}
	}
	return fmt.Sprintf("%x", hash.Sum(nil)[:6]), nil
}

// write keeps what Load has returned.
func (p *Postgres) write(ctx context.Context, database string, loaded []Loaded) error {
	content, err := json.Marshal(loaded)
	if err != nil {
		return err
	}
	for _, sql := range []string{
		"CREATE SCHEMA bench", "CREATE TABLE bench.loaded (companies text)",
		"INSERT INTO bench.loaded VALUES ('" + strings.ReplaceAll(string(content), "'", "''") + "')",
	} {
		if err := p.Execute(ctx, database, sql); err != nil {
			return err
		}
	}
	return nil
}

func (d *Database) read(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, d.URL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var content string
	if err := conn.QueryRow(ctx, "SELECT companies FROM bench.loaded").Scan(&content); err != nil {
		return err
	}
	return json.Unmarshal([]byte(content), &d.Companies)
}

// Clone returns a copy of the database, for a contender that writes. Drop removes it.
func (d *Database) Clone(ctx context.Context, name string) (*Database, error) {
	clone := *d
	clone.Name = fmt.Sprintf("clone_%s_%d", strings.ReplaceAll(name, "-", "_"), os.Getpid())
	clone.URL = d.server.server.URL(clone.Name)
	if err := clone.Drop(ctx); err != nil {
		return nil, err
	}
	return &clone, d.server.Execute(ctx, "postgres", fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY FILE_COPY", clone.Name, d.Name))
}

// Drop removes the database.
func (d *Database) Drop(ctx context.Context) error { return d.server.drop(ctx, d.Name) }

func (p *Postgres) drop(ctx context.Context, database string) error {
	return p.Execute(ctx, "postgres", fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", database))
}

// dropUnused drops a database unless another benchmark uses it, such as one of another version.
func (p *Postgres) dropUnused(ctx context.Context, database string) error {
	lock := p.lock(database)
	free, err := lock.TryLock()
	if err != nil || !free {
		return err
	}
	defer func() { _ = lock.Close() }()
	return p.drop(ctx, database)
}

func (p *Postgres) databases(ctx context.Context, prefix string) ([]string, error) {
	conn, err := pgx.Connect(ctx, p.server.URL("postgres"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, _ := conn.Query(ctx, "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", prefix)
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Execute runs SQL in a database.
func (p *Postgres) Execute(ctx context.Context, database, sql string) error {
	conn, err := pgx.Connect(ctx, p.server.URL(database))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

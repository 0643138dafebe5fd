package service

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"switchboard/db"
	"switchboard/feed"
)

// classes are all classes of PostgreSQL's errors, each with one of its codes and the code for
// clients (https://www.postgresql.org/docs/current/errcodes-appendix.html).
var classes = map[string]ErrorCode{
	"00000": Internal, "01000": Internal, "02000": Internal, "03000": Internal, "08006": Unavailable, "09000": Internal,
	"0A000": Internal, "0B000": Internal, "0F000": Internal, "0L000": Internal, "0P000": Internal, "0Z000": Internal,
	"10608": Internal, "20000": Internal, "21000": Internal, "22001": Internal, "23505": Internal, "24000": Internal,
	"25001": Internal, "26000": Internal, "27000": Internal, "28000": Internal, "2B000": Internal, "2D000": Internal,
	"2F000": Internal, "34000": Internal, "38000": Internal, "39000": Internal, "3B000": Internal, "3D000": Internal,
	"3F000": Internal, "40001": Unavailable, "42703": Internal, "44000": Internal, "53100": Unavailable, "54000": Internal,
	"55000": Internal, "57014": Unavailable, "58030": Unavailable, "72000": Internal, "F0000": Internal, "HV000": Internal,
	"P0001": Internal, "XX000": Internal,
}

// TestExplainClasses: a database that cannot answer now is UNAVAILABLE, by class; every
// other error is the server's fault.
func TestExplainClasses(t *testing.T) {
	t.Parallel()
	want := maps.Clone(classes)
	for _, code := range []string{"25006", "25P03", "55P03", "08000", "08P01", "40P01", "40003", "53000", "53200", "53300",
		"57000", "57P01", "57P05", "58000", "58P01", "58P02"} {
		want[code] = Unavailable
	}
	for code, want := range want {
		if got := Explain(fmt.Errorf("somewhere: %w", &pgconn.PgError{Code: code})); got.Code != want {
			t.Errorf("%s is %s, not %s", code, got.Code, want)
		}
	}
	stale := &pgconn.PgError{Code: "0A000", Routine: "RevalidateCachedQuery", Message: "der gespeicherte Plan passt nicht mehr"}
	if got := Explain(stale); got.Code != Unavailable {
		t.Errorf("a stale plan is %s", got.Code)
	}
}

// TestMayRetry: a transaction that changed nothing is repeated, but not for ever.
func TestMayRetry(t *testing.T) {
	t.Parallel()
	for cause, most := range map[error]int{
		ErrStartOver: attempts - 1, &pgconn.PgError{Code: "40P01"}: attempts - 1, &pgconn.PgError{Code: "40001"}: attempts - 1,
		&pgconn.PgError{Code: "0A000", Routine: "RevalidateCachedQuery"}: attempts - 1, &pgconn.PgError{Code: "0A000"}: 0,
		&pgconn.PgError{Code: "25006"}: 1, &pgconn.PgError{Code: "57014"}: 0, io.ErrUnexpectedEOF: 0, // which may have committed
	} {
		retries := 0
		for attempt := 1; attempt <= attempts && mayRetry(fmt.Errorf("somewhere: %w", cause), attempt); attempt++ {
			retries++
		}
		if retries != most {
			t.Errorf("%v was tried again %d times, not %d", cause, retries, most)
		}
	}
}

// TestExplain: each kind of error has a code for clients. An unreachable database is UNAVAILABLE,
// not INTERNAL.
func TestExplain(t *testing.T) {
	t.Parallel()
	for want, causes := range map[ErrorCode][]error{
		Unavailable: {
			&pgconn.PgError{Code: "57P01"}, &pgconn.PgError{Code: "40P01"}, &pgconn.PgError{Code: "55P03"}, &pgconn.ConnectError{},
			io.ErrUnexpectedEOF, driver.ErrBadConn, context.DeadlineExceeded, ErrStartOver,
			&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		},
		Internal:      {errors.New("relation \"secrets\" does not exist"), &pgconn.PgError{Code: "42703", Message: "column hash"}},
		BadInput:      {&db.IDError{Message: "not an id"}},
		CursorInvalid: {db.ErrBadCursor, db.ErrBadEventCursor},
		CursorExpired: {feed.ErrExpired},
		NotFound:      {NewNotFound("contact")},
	} {
		for _, cause := range causes {
			if got := Explain(fmt.Errorf("somewhere: %w", cause)); got.Code != want {
				t.Errorf("%T %v is %s, not %s", cause, cause, got.Code, want)
			}
		}
	}
	if told := Explain(errors.New("password of postgres")).Message; told != "something went wrong on the server" {
		t.Errorf("an unknown error says %q", told)
	}
}

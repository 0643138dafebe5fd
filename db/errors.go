package db

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// The functions of this file classify errors, so that no other package has to know the
// driver. They accept any error: one that wraps a database error, and nil as well.

// NotFound reports whether the row that was looked up does not exist.
func NotFound(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// Unique names a value that must be unique.
type Unique string

// The unique values that callers of the API choose.
const (
	AgentEmail      Unique = "the e-mail address of an agent"
	AgentSignIn     Unique = "the sign-in of an agent"
	ContactExternal Unique = "the id of a contact on a channel"
)

// uniques maps the unique constraints and indexes of the tables to the value they guard.
var uniques = map[string]Unique{
	"agents_email":            AgentEmail, // of earlier versions, which compare with lower()
	"agents_email_key":        AgentEmail,
	"agents_identity":         AgentSignIn,
	"contact_identities_pkey": ContactExternal,
}

// Taken returns which unique value the error reports as taken by another row; "" for any other
// error.
func Taken(err error) Unique {
	if pg := answer(err); pg != nil && pg.Code == "23505" {
		return uniques[pg.ConstraintName]
	}
	return ""
}

// InvalidValue reports whether a value does not have the type of its column, such as "x" for a
// number.
func InvalidValue(err error) bool {
	pg := answer(err)
	return pg != nil && strings.HasPrefix(pg.Code, "22")
}

// SchemaMissing reports whether a statement failed because its table does not exist.
func SchemaMissing(err error) bool {
	pg := answer(err)
	return pg != nil && pg.Code == "42P01"
}

// Retryable reports whether a transaction that failed with this error changed nothing and may
// succeed on another attempt. failures is how many attempts have failed with it.
func Retryable(err error, failures int) bool {
	pg := answer(err)
	switch {
	case errors.Is(err, errKeyTaken):
		return true
	case pg == nil, Uncertain(err):
		return false
	case pg.Code == readOnly: // the session predates a failover; it has been replaced by now
		return failures == 1
	}
	return pg.Code == "40P01" || pg.Code == "40001" || isStalePlan(pg) // deadlock, serialization
}

// Uncertain reports whether the error is that of a commit whose outcome is unknown: the connection
// broke, or the deadline passed, before PostgreSQL answered.
func Uncertain(err error) bool {
	var commit *commitError
	return errors.As(err, &commit)
}

// Unavailable reports whether the database cannot answer at the moment. It is false if the database
// rejected the statement.
func Unavailable(err error) bool {
	pg := answer(err)
	return pg != nil && (isAway(pg) || isStalePlan(pg)) || isBroken(err) || errors.Is(err, errBusy)
}

// answer returns the error that PostgreSQL itself reported; nil for any other error.
func answer(err error) (pg *pgconn.PgError) {
	errors.As(err, &pg)
	return pg
}

// isBroken reports whether the connection to the database failed or could not be opened.
func isBroken(err error) bool {
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) || pgconn.SafeToRetry(err) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone)
}

// readOnly is the SQLSTATE of a write to a read-only database, as during a failover.
const readOnly = "25006"

// lockTimeout is the SQLSTATE of a wait for a lock that took too long.
const lockTimeout = "55P03"

func isLockTimeout(err error) bool {
	pg := answer(err)
	return pg != nil && pg.Code == lockTimeout
}

// isAway reports whether the error concerns the state of the server rather than the statement
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func isAway(err *pgconn.PgError) bool {
	switch err.Code {
	case readOnly,
		lockTimeout,
		"25P03", "25P04": // the transaction took too long
		return true
	}
	switch err.Code[:min(2, len(err.Code))] {
	case "08", // connection exception
		"40", // transaction rollback, such as a deadlock, after retries
		"53", // insufficient resources, such as a full disk
		"57", // operator intervention, such as a shutdown, or a statement's time-out
		"58": // system error, such as of a disk
		return true
	}
	return false
}

// isStalePlan reports whether a prepared statement no longer fits its tables. The check includes
// where the error arose, since the SQLSTATE has other causes and the message depends on the
// server's language.
func isStalePlan(err *pgconn.PgError) bool {
	return err != nil && err.Code == "0A000" && err.Routine == "RevalidateCachedQuery"
}

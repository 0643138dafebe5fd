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

// Unique names values of which there may be only one.
type Unique string

// The unique values that callers of the API choose.
const (
	AgentEmail      Unique = "the e-mail address of an agent"
	AgentSignIn     Unique = "the sign-in of an agent"
	ContactExternal Unique = "the id of a contact on a channel"
)

// uniques are the constraints and unique indexes of the tables.
var uniques = map[string]Unique{
	"agents_email":            AgentEmail, // of servers of an earlier version, which compare with lower()
	"agents_email_key":        AgentEmail,
	"agents_identity":         AgentSignIn,
	"contact_identities_pkey": ContactExternal,
}

// Taken returns which unique value could not be written because another row has it, or ""
// for any other error.
func Taken(err error) Unique {
	if pg := answer(err); pg != nil && pg.Code == "23505" {
		return uniques[pg.ConstraintName]
	}
	return ""
}

// InvalidValue reports whether a value is not one of its column's type, such as "x" for a
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

// Retryable reports whether a transaction left nothing behind and may succeed when it is
// run again, after it has failed with the error for this many times.
func Retryable(err error, failures int) bool {
	pg := answer(err)
	switch {
	case pg == nil:
		return false
	case pg.Code == readOnly: // by a session from before a failover, which has been replaced
		return failures == 1
	}
	return pg.Code == "40P01" || pg.Code == "40001" || isStalePlan(pg) // deadlock, serialization
}

// Unavailable reports whether the database cannot answer at the moment, as opposed to
// rejecting what it was asked.
func Unavailable(err error) bool {
	pg := answer(err)
	return pg != nil && (isAway(pg) || isStalePlan(pg)) || isBroken(err)
}

// answer returns the error with which PostgreSQL itself answered; nil for any other error.
func answer(err error) (pg *pgconn.PgError) {
	errors.As(err, &pg)
	return pg
}

// isBroken reports whether the connection to the database could not be made or broke.
func isBroken(err error) bool {
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone)
}

// readOnly is the SQLSTATE of writing to a database that is read-only, as during a failover.
const readOnly = "25006"

// lockTimeout is the SQLSTATE of a lock that was not available in time.
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

// isStalePlan reports whether a prepared statement no longer fits its tables. The SQLSTATE
// alone has other causes, too, and the message depends on the server's language.
func isStalePlan(err *pgconn.PgError) bool {
	return err != nil && err.Code == "0A000" && err.Routine == "RevalidateCachedQuery"
}

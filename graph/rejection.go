package graph

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"switchboard/service"
)

// Limits of failed authentications from one network.
const (
	failuresPerSecond = 20
	failuresAtOnce    = 100

	failureReport = time.Minute      // between two lines of the log about one network
	refusedTime   = time.Second      // for which a refused token is refused without being looked up
	acceptedTime  = 10 * time.Minute // for which an accepted token is looked up although its network failed too often
	networksKept  = 10_000           // more networks are counted together
	tokensKept    = 10_000           // the limit of tokens remembered as refused, and of those as accepted
)

// rejections limits, remembers and reports failed authentications by network. A token that was
// valid a moment ago is always looked up, so that others behind the same address stay connected.
type rejections struct {
	log       *slog.Logger
	now       func() time.Time
	unlimited bool // count and report only

	mu       sync.Mutex
	networks map[netip.Prefix]*failing
	refused  map[service.CredentialID]refusedToken
	accepted map[service.CredentialID]time.Time
}

type refusedToken struct {
	why error
	at  time.Time
}

// failing are the recent failures of a network.
type failing struct {
	bucket *rate.Limiter
	count  int
	last   string // why the last one failed
}

func newRejections(log *slog.Logger, now func() time.Time, unlimited bool) *rejections {
	if now == nil {
		now = time.Now
	}
	return &rejections{
		log: log, now: now, unlimited: unlimited,
		networks: map[netip.Prefix]*failing{}, refused: map[service.CredentialID]refusedToken{}, accepted: map[service.CredentialID]time.Time{},
	}
}

// errTooManyFailures is the error for a network from which too many authentications failed.
var errTooManyFailures = &service.Error{Code: rateLimited, Message: "authentication failed too often from this address; correct the token, then try again in a second"}

// guard looks up the caller of a credential by ask, unless it was refused a moment ago or its
// network has failed too often.
func (j *rejections) guard(ctx context.Context, c service.Credential, ask func() error) error {
	network, key := networkOf(ctx), c.ID()
	if err := j.before(network, key); err != nil {
		return err
	}
	err := ask()
	j.after(network, key, err)
	return err
}

func (j *rejections) before(network netip.Prefix, key service.CredentialID) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.now()
	if at, known := j.accepted[key]; known && now.Sub(at) < acceptedTime {
		return nil
	}
	if failing := j.networks[network]; failing != nil && !j.unlimited && failing.bucket.TokensAt(now) < 1 {
		j.count(failing, errTooManyFailures)
		return errTooManyFailures
	}
	if past, known := j.refused[key]; known && now.Sub(past.at) < refusedTime {
		j.charge(network, past.why, now)
		return past.why
	}
	return nil
}

func (j *rejections) after(network netip.Prefix, key service.CredentialID, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.now()
	var why *service.Error
	switch {
	case err == nil:
		delete(j.refused, key)
		remember(j.accepted, key, now)
	case errors.As(err, &why) && why.Code == service.Unauthenticated:
		delete(j.accepted, key)
		remember(j.refused, key, refusedToken{err, now})
		j.charge(network, err, now)
	}
}

// remember keeps a value, instead of any other one if there are too many.
func remember[V any](values map[service.CredentialID]V, key service.CredentialID, value V) {
	if _, known := values[key]; !known && len(values) >= tokensKept {
		for other := range values {
			delete(values, other)
			break
		}
	}
	values[key] = value
}

// failed counts a credential that was refused by its form.
func (j *rejections) failed(ctx context.Context, err error) {
	network := networkOf(ctx)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.charge(network, err, j.now())
}

// charge counts a failure of a network. The first one starts the report. The mu is held.
func (j *rejections) charge(network netip.Prefix, err error, now time.Time) {
	of := j.networks[network]
	if of == nil && len(j.networks) >= networksKept {
		network = netip.Prefix{}
		of = j.networks[network]
	}
	if of == nil {
		of = &failing{bucket: rate.NewLimiter(failuresPerSecond, failuresAtOnce)}
		j.networks[network] = of
		time.AfterFunc(failureReport, func() { j.report(network) })
	}
	of.bucket.AllowN(now, 1)
	j.count(of, err)
}

func (j *rejections) count(of *failing, err error) {
	of.count++
	of.last = err.Error()
}

// report logs the failures of a network since the last report, and forgets a network without any.
func (j *rejections) report(network netip.Prefix) {
	j.mu.Lock()
	of := j.networks[network]
	count, last := of.count, of.last
	if of.count = 0; count == 0 {
		delete(j.networks, network)
	} else {
		time.AfterFunc(failureReport, func() { j.report(network) })
	}
	j.mu.Unlock()
	if count > 0 {
		j.log.Warn("authentication failed", "address", addressText(network), "times", count, "last", last)
	}
}

// addressText returns a network as logs show it.
func addressText(network netip.Prefix) string {
	switch {
	case !network.IsValid():
		return "others"
	case network.IsSingleIP():
		return network.Addr().String()
	}
	return network.String()
}

// addressOf returns the network of the request as the access log records it; empty if unknown.
func addressOf(ctx context.Context) string {
	if network := networkOf(ctx); network.IsValid() {
		return addressText(network)
	}
	return ""
}

func networkOf(ctx context.Context) netip.Prefix {
	network, _ := ctx.Value(networkKey).(netip.Prefix)
	return network
}

// A guarded authenticator looks tokens up within the limit of failures.
type guarded struct {
	Authenticator
	rejections *rejections
}

func (g guarded) Authenticate(ctx context.Context, c service.Credential) (actor service.Actor, err error) {
	err = g.rejections.guard(ctx, c, func() (err error) {
		actor, err = g.Authenticator.Authenticate(ctx, c)
		return err
	})
	return actor, err
}

func (g guarded) Recall(ctx context.Context, c service.Credential) (actor service.Actor, fresh bool, err error) {
	err = g.rejections.guard(ctx, c, func() (err error) {
		actor, fresh, err = g.Authenticator.Recall(ctx, c)
		return err
	})
	return actor, fresh, err
}

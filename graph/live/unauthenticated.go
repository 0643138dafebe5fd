package live

import (
	"container/list"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// unauthenticated are the sockets that have not sent connection_init. They cost a client nothing,
// so their number is limited: by network, and in all.
type unauthenticated struct {
	mu  sync.Mutex
	all list.List // of *silentSocket, the oldest first
	of  map[netip.Prefix][]*silentSocket
}

// A silentSocket is one of unauthenticated.
type silentSocket struct {
	network netip.Prefix
	since   time.Time
	giveWay func()
	place   *list.Element // nil once it is removed
}

// add adds a socket until remove is called. If there are too many, the oldest one gives way to it;
// if that has not had the time grace, add returns nil instead.
func (u *unauthenticated) add(s *silentSocket, perNetwork, total int, grace time.Duration) (remove func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if oldest := u.excess(s.network, perNetwork, total); oldest != nil {
		if s.since.Sub(oldest.since) < grace {
			return nil
		}
		u.drop(oldest)
		go oldest.giveWay() // which may write to a connection
	}
	if u.of == nil {
		u.of = map[netip.Prefix][]*silentSocket{}
	}
	s.place = u.all.PushBack(s)
	u.of[s.network] = append(u.of[s.network], s)
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.drop(s)
	}
}

// excess returns the socket that has to give way before one more can be added, or nil.
func (u *unauthenticated) excess(network netip.Prefix, perNetwork, total int) *silentSocket {
	switch {
	case len(u.of[network]) >= perNetwork:
		return u.of[network][0]
	case u.all.Len() >= total:
		return u.all.Front().Value.(*silentSocket)
	}
	return nil
}

// drop removes a socket, unless it was removed already. The mu is held.
func (u *unauthenticated) drop(s *silentSocket) {
	if s.place == nil {
		return
	}
	u.all.Remove(s.place)
	s.place = nil
	rest := slices.DeleteFunc(u.of[s.network], func(other *silentSocket) bool { return other == s })
	if u.of[s.network] = rest; len(rest) == 0 {
		delete(u.of, s.network)
	}
}

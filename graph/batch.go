package graph

import (
	"context"
	"sync"
	"time"
)

// loader reads by key what one response asks for: each key once, and all that are asked
// for at about the same time together.
//
// The executor resolves the rows of a list side by side, so a batch is complete when no
// key has joined it for a moment. A batch that is closed a fixed time after its first key
// splits as soon as there are many rows or little processor time, and then the number of
// statements grows with the rows.
type loader[K comparable, V any] struct {
	read batchRead[K, V]

	mu    sync.Mutex
	known map[K]*loading[V]
	keys  []K // of the batch that is being collected
}

// batchRead gives a value for each key, in their order, and perhaps an error for each; or
// one error for all.
type batchRead[K comparable, V any] func(ctx context.Context, keys []K) ([]V, []error, error)

// loading is one key on its way.
type loading[V any] struct {
	done  chan struct{}
	value V
	err   error
}

const (
	batchPause  = 100 * time.Microsecond // between two looks at a batch
	batchQuiet  = 3                      // looks without another key, after which it is read; 1 if it has one only
	batchPauses = 60                     // looks after which it is read anyway
)

func newLoader[K comparable, V any](read batchRead[K, V]) *loader[K, V] {
	return &loader[K, V]{read: read, known: map[K]*loading[V]{}}
}

// Load gives the value of a key, waiting for its batch.
func (l *loader[K, V]) Load(ctx context.Context, key K) (V, error) {
	one := l.join(ctx, key)
	<-one.done
	return one.value, one.err
}

func (l *loader[K, V]) join(ctx context.Context, key K) *loading[V] {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.known[key]
	if one == nil {
		one = &loading[V]{done: make(chan struct{})}
		l.known[key] = one
		if l.keys = append(l.keys, key); len(l.keys) == 1 {
			go l.serve(ctx)
		}
	}
	return one
}

// serve collects a batch, reads it and hands out what was read.
func (l *loader[K, V]) serve(ctx context.Context) {
	keys := l.collect()
	values, errs, err := l.guarded(ctx, keys)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, key := range keys {
		one := l.known[key]
		switch one.err = err; {
		case err != nil:
		case errs != nil && errs[i] != nil:
			one.err = errs[i]
		default:
			one.value = values[i]
		}
		close(one.done)
	}
}

func (l *loader[K, V]) guarded(ctx context.Context, keys []K) (values []V, errs []error, err error) {
	defer guard(ctx, &err)
	return l.read(ctx, keys)
}

// collect waits until the batch stops growing and takes it.
func (l *loader[K, V]) collect() (keys []K) {
	for size, quiet, pause := 1, 0, 1; ; pause++ {
		time.Sleep(batchPause)
		l.mu.Lock()
		if quiet++; len(l.keys) > size {
			size, quiet = len(l.keys), 0
		}
		if quiet >= min(size, batchQuiet) || pause == batchPauses {
			defer l.mu.Unlock()
			keys, l.keys = l.keys, nil
			return keys
		}
		l.mu.Unlock()
	}
}

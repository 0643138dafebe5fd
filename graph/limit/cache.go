package limit

import (
	"crypto/sha256"
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// A Cache keeps values by text, as many as weigh no more than a number of bytes together. It
// forgets those first that were not asked for the longest. It keeps no text.
type Cache[V any] struct {
	mu     sync.Mutex
	most   int
	weight int
	kept   *simplelru.LRU[[sha256.Size]byte, *weighed[V]]
}

type weighed[V any] struct {
	value  V
	weight int
}

// NewCache returns a cache that keeps at most this many bytes.
func NewCache[V any](most int) *Cache[V] {
	c := &Cache[V]{most: most}
	kept, err := simplelru.NewLRU(math.MaxInt, func(_ [sha256.Size]byte, w *weighed[V]) { c.weight -= w.weight })
	if err != nil {
		panic(err)
	}
	c.kept = kept
	return c
}

// Get returns the value of a text.
func (c *Cache[V]) Get(text string) (value V, known bool) {
	key := sha256.Sum256([]byte(text))
	c.mu.Lock()
	defer c.mu.Unlock()
	if w, known := c.kept.Get(key); known {
		return w.value, true
	}
	return value, false
}

// Add keeps a value that weighs this many bytes. It does nothing if the text has one already.
func (c *Cache[V]) Add(text string, value V, weight int) {
	key := sha256.Sum256([]byte(text))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept.Contains(key) {
		return
	}
	c.kept.Add(key, &weighed[V]{value, weight})
	c.weight += weight
	c.shrink()
}

// Grow adds to the weight of a text's value, if it is still kept.
func (c *Cache[V]) Grow(text string, bytes int) {
	key := sha256.Sum256([]byte(text))
	c.mu.Lock()
	defer c.mu.Unlock()
	if w, known := c.kept.Peek(key); known {
		w.weight += bytes
		c.weight += bytes
		c.shrink()
	}
}

func (c *Cache[V]) shrink() {
	for c.weight > c.most {
		c.kept.RemoveOldest()
	}
}

// Weight returns how many bytes the kept values weigh, and how many there are.
func (c *Cache[V]) Weight() (bytes, values int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.weight, c.kept.Len()
}

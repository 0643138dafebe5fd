package limit

import "testing"

// TestCache: values are kept while they weigh no more than the limit together, and those go first
// that were not asked for the longest.
func TestCache(t *testing.T) {
	t.Parallel()
	c := NewCache[int](100)
	has := func(text string, value int, known bool) {
		t.Helper()
		if got, ok := c.Get(text); got != value || ok != known {
			t.Errorf("%s has %d, %v, not %d, %v", text, got, ok, value, known)
		}
	}
	c.Add("a", 1, 40)
	c.Add("b", 2, 40)
	c.Add("a", 9, 40) // it is there
	has("a", 1, true)
	c.Add("c", 3, 40)
	has("b", 0, false)
	has("a", 1, true)
	c.Grow("c", 20)
	c.Grow("b", 1000) // it is not there
	if weight, n := c.Weight(); weight != 100 || n != 2 {
		t.Errorf("%d values weigh %d", n, weight)
	}
	c.Grow("a", 1)
	has("c", 0, false)
	c.Grow("a", -41)
	c.Add("d", 4, 101)
	has("d", 0, false)
	has("a", 0, false)
	if weight, n := c.Weight(); weight != 0 || n != 0 {
		t.Errorf("%d values weigh %d", n, weight)
	}
}

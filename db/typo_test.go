package db

import "testing"

// distance is the number of typing errors between two words: letters added, left out or exchanged,
// or neighbours that changed places.
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			switch {
			case i == 0 || j == 0:
				d[i][j] = i + j
			default:
				same := 1
				if a[i-1] == b[j-1] {
					same = 0
				}
				d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+same)
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					d[i][j] = min(d[i][j], d[i-2][j-2]+1)
				}
			}
		}
	}
	return d[len(a)][len(b)]
}

// words returns all words of at most n of the letters a, b and c.
func words(n int) []string {
	all := []string{""}
	for begun := all; n > 0; n-- {
		var longer []string
		for _, word := range begun {
			longer = append(longer, word+"a", word+"b", word+"c")
		}
		all, begun = append(all, longer...), longer
	}
	return all
}

// TestMeantByOneError compares the words that are found for a mistyped one with the distances of
// all short words.
func TestMeantByOneError(t *testing.T) {
	t.Parallel()
	all := words(4)
	for _, term := range all {
		if len(term) < 2 {
			continue
		}
		from, to := oneErrorCodes(term)
		for _, word := range all {
			want, off := "", 0.0
			switch n := len(term); {
			case distance(term, word) == 1:
				want, off = word, 1
			case len(word) > n && distance(term, word[:n]) == 1 && isSwap([]rune(term), []rune(word[:n])):
				want, off = word[:n], 1.5
			case len(word) > n+1 && distance(term, word[:n+1]) == 1:
				want, off = word[:n+1], 1.5
			}
			if got, d := meantBy(term, word); got != want || d != off {
				t.Fatalf("%q is %q for %q, %v errors away; want %q, %v", term, got, word, d, want, off)
			}
			isLookedUp := false
			for i := range from {
				isLookedUp = isLookedUp || from[i] <= word && word < to[i]
			}
			if want != "" && !isLookedUp {
				t.Fatalf("%q is not looked up for %q", word, term)
			}
		}
	}
}

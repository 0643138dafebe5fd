package harness

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Print writes the report as text.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "%s\n", r.header())
	for _, name := range r.cases() {
		fmt.Fprintf(w, "\n%s\n\n", name)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		for _, row := range r.rows(name) {
			fmt.Fprintln(t, strings.Join(row, "\t")+"\t")
		}
		_ = t.Flush()
	}
	fmt.Fprintln(w)
	for _, t := range r.Targets {
		fmt.Fprintln(w, t)
	}
	for _, failure := range r.Failures {
		fmt.Fprintln(w, "failed: "+failure)
	}
}

// Markdown returns the report as it stands in README.md.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.header())
	for _, name := range r.cases() {
		rows := r.rows(name)
		fmt.Fprintf(&b, "\n**%s**\n\n| %s |\n|%s\n", name, strings.Join(rows[0], " | "), strings.Repeat("---|", len(rows[0])))
		for _, row := range rows[1:] {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		}
	}
	fmt.Fprintf(&b, "\n```\n")
	for _, t := range r.Targets {
		fmt.Fprintln(&b, t)
	}
	for _, failure := range r.Failures {
		fmt.Fprintln(&b, "failed: "+failure)
	}
	fmt.Fprintf(&b, "```\n")
	return b.String()
}

func (r *Report) header() string {
	var versions []string
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		versions = append(versions, name+" "+r.Versions[name])
	}
	return fmt.Sprintf("%s: %s, took %s\n%s\n%s, %s after\n%s", r.Bench, r.Started.Format(time.DateTime+" UTC"), r.Took.Round(time.Second),
		r.Size, r.Machine, r.LoadAfter, strings.Join(versions, ", "))
}

// cases returns the names of the cases in the order in which they were measured.
func (r *Report) cases() []string {
	return distinct(r.Measurements, func(m Measurement) string { return m.Case })
}

func distinct(all []Measurement, of func(Measurement) string) (names []string) {
	for _, m := range all {
		if !slices.Contains(names, of(m)) {
			names = append(names, of(m))
		}
	}
	return names
}

// rows returns the table of a case: a heading, then a row for each contender and figure.
func (r *Report) rows(name string) [][]string {
	rows := [][]string{{"contender", "figure", "min", "median", "max", "ours/it in each round"}}
	in := slices.DeleteFunc(slices.Clone(r.Measurements), func(m Measurement) bool { return m.Case != name })
	for _, contender := range distinct(in, func(m Measurement) string { return m.Contender }) {
		for _, figure := range figuresOf(in, contender) {
			values := r.Values(name, contender, figure)
			ratios := []string{}
			if contender != Ours {
				for _, ratio := range r.Ratios(name, figure, contender) {
					ratios = append(ratios, short(ratio))
				}
			}
			rows = append(rows, []string{contender, figure, short(slices.Min(values)), short(Median(values)), short(slices.Max(values)),
				strings.Join(ratios, " ")})
		}
	}
	return rows
}

// figuresOf returns the names of a contender's figures, the rate first.
func figuresOf(in []Measurement, contender string) (names []string) {
	for _, m := range in {
		if m.Contender == contender {
			for name := range m.Figures {
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if (a == Rate) != (b == Rate) {
			return map[bool]int{true: -1, false: 1}[a == Rate]
		}
		return strings.Compare(a, b)
	})
	return names
}

// short formats a figure with about three digits.
func short(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return Thousands(int(v + 0.5))
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

// Thousands formats a number with commas.
func Thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

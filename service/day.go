package service

import (
	"sort"
	"time"
)

// Days as people at a place count them: some have 23 hours, some 25, and some do not
// begin at midnight.

// day numbers the days of the calendar.
type day int

// dayOf gives the day that it is somewhere at this time.
func dayOf(t time.Time, at *time.Location) day {
	year, month, number := t.In(at).Date()
	return day(time.Date(year, month, number, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
}

// endOfDay gives the moment at which it is another day there. Clocks are changed at full
// minutes.
func endOfDay(t time.Time, at *time.Location) time.Time {
	today, minute := dayOf(t, at), t.Truncate(time.Minute)
	const longest = 50 * 60 // minutes; where the date line moved, a day lasted 48 hours
	return minute.Add(time.Minute * time.Duration(sort.Search(longest, func(n int) bool {
		return dayOf(minute.Add(time.Minute*time.Duration(n)), at) > today
	})))
}

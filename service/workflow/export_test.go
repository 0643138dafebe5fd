package workflow

// What tests outside the package look at beside what it exports.

const (
	LastPause    = lastPause
	PlanBatch    = planBatch
	StepAttempts = stepAttempts
)

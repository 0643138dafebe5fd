package workflow

// Internals that the tests of package workflow_test use.

const (
	LastPause    = lastPause
	PlanBatch    = planBatch
	StepAttempts = stepAttempts
)

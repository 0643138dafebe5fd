package graph_test

// subscriptionTests name the test of each subscription.
var subscriptionTests = map[string]string{}

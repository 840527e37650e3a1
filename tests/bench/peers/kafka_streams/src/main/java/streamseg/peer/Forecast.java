package streamseg.peer;

/**
 * What is expected of one customer within the horizon.
 *
 * @param none probability of no outcome day, calibrated: the churn probability
 * @param count expected outcome days
 * @param value expected discounted spend
 */
record Forecast(double none, double count, double value) {}

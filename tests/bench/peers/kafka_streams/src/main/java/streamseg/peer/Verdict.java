package streamseg.peer;

/**
 * What is said at one touchpoint: always a profile, and perhaps a change of segment and an alert.
 *
 * @param behaviour -1 = none
 */
record Verdict(boolean changed, boolean alert, int previousStage, int previousBehaviour, int stage, int behaviour) {}

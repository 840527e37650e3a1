package streamseg.peer;

/** From a forecast to a segment: stages with hysteresis, dwell and cool-down, behaviours with a margin. */
final class Decider {
    static final String[] STAGES = {"none", "new", "active", "cooling", "at_risk", "lapsed", "won_back"};
    private static final int NONE = 0;
    private static final int NEW = 1;
    private static final int ACTIVE = 2;
    private static final int LAPSED = 5;
    private static final int WON_BACK = 6;
    private static final int[] LEVEL = {0, 0, 0, 1, 2, 2, 0};

    private final Rules rules;

    Decider(Rules rules) {
        this.rules = rules;
    }

    /** What is to be said of one customer; `forecast` and `distances` are null below the data gate. */
    Verdict decide(Customer it, long instantMs, boolean isOutcome, Forecast forecast, double[] distances) {
        int stage = it.stage;
        int behaviour = it.behaviour;
        boolean says;
        if (forecast == null) {
            stage = stage == NONE ? NEW : stage;
            says = stage != it.stage;
        } else {
            double risk = forecast.none();
            stage = nextStage(it, risk, instantMs, isOutcome);
            behaviour = nextBehaviour(it.behaviour, distances);
            boolean inDwell = it.stage >= ACTIVE && instantMs - it.sinceMs < rules.dwellMs();
            if (inDwell && (stage != WON_BACK || it.stage == WON_BACK)) {
                stage = it.stage;
                behaviour = it.behaviour;
            }
            boolean expiring =
                    it.publishedMs < 0 || it.publishedMs + rules.profileTtlMs() < instantMs + rules.windowMs();
            boolean moved = Math.abs(risk - it.publishedRisk) >= rules.profileStep();
            says = stage != it.stage || behaviour != it.behaviour || moved || expiring;
        }
        return says ? apply(it, instantMs, stage, behaviour, forecast) : null;
    }

    private int nextStage(Customer it, double risk, long instantMs, boolean isOutcome) {
        int level = LEVEL[it.stage];
        level = level == 0 && risk >= rules.coolingEnter() ? 1 : level;
        level = level == 1 && risk >= rules.atRiskEnter() ? 2 : level;
        level = level == 2 && risk < rules.atRiskExit() ? 1 : level;
        level = level == 1 && risk < rules.coolingExit() ? 0 : level;
        long quietMs = instantMs - Math.max(it.lastOutcomeMs, it.firstMs);
        boolean returned = isOutcome && it.stage == LAPSED;
        boolean stays = it.stage == WON_BACK && level < 2 && instantMs - it.sinceMs < rules.wonBackMs();
        if (returned || stays) {
            return WON_BACK;
        }
        return level == 2 && quietMs >= rules.lapseMs() ? LAPSED : ACTIVE + level;
    }

    private int nextBehaviour(int current, double[] distances) {
        int nearest = 0;
        for (int k = 1; k < distances.length; k++) {
            nearest = distances[k] < distances[nearest] ? k : nearest;
        }
        double present = current < 0 ? Double.POSITIVE_INFINITY : distances[current];
        return distances[nearest] < rules.behaviourMargin() * present ? nearest : current;
    }

    private Verdict apply(Customer it, long instantMs, int stage, int behaviour, Forecast forecast) {
        boolean changed = stage != it.stage || behaviour != it.behaviour;
        boolean crossed = LEVEL[it.stage] < 2 && LEVEL[stage] == 2;
        boolean alert = crossed && (it.alertedMs < 0 || instantMs - it.alertedMs >= rules.alertCooldownMs());
        Verdict verdict = new Verdict(changed, alert, it.stage, it.behaviour, stage, behaviour);
        it.stage = stage;
        it.behaviour = behaviour;
        it.sinceMs = changed ? instantMs : it.sinceMs;
        it.alertedMs = alert ? instantMs : it.alertedMs;
        it.publishedMs = instantMs;
        it.publishedRisk = forecast == null ? -1.0 : forecast.none();
        return verdict;
    }
}

package streamseg.peer;

/** What the network reads of a customer at an instant; the columns of `streamseg/core/features.py`, in its order. */
final class Features {
    private static final int TAIL = 21;
    private static final double MICRO = 1e6;
    private static final float[] LOG1P = new float[Customer.COUNT_LIMIT + 1];
    private static final double[] SESSIONS = new double[65];

    static {
        for (int count = 0; count < LOG1P.length; count++) {
            LOG1P[count] = (float) Math.log1p(count);
        }
        for (int bits = 0; bits < SESSIONS.length; bits++) {
            SESSIONS[bits] = -64.0 * Math.log1p(-Math.min(bits, 63) / 64.0);
        }
    }

    private Features() {}

    /** Number of columns for so many types and channels. */
    static int columns(int types, int channels) {
        return types + channels + TAIL;
    }

    /** Describe the customer's running window and life at an instant, within the window or at its end. */
    static void describe(Customer it, long instantMs, Rules rules, float[] x) {
        int at = 0;
        for (char count : it.typeCounts) {
            x[at++] = LOG1P[count];
        }
        for (char count : it.channelCounts) {
            x[at++] = LOG1P[count];
        }
        double ageDays = days(instantMs - it.firstMs);
        boolean ever = it.lastOutcomeMs > 0;
        double outcomeAge = ever ? days(instantMs - it.firstOutcomeMs) : ageDays;
        double sinceOutcome = ever ? days(instantMs - it.lastOutcomeMs) : ageDays;
        double spend = it.spendMicro / MICRO;
        double refund = it.refundMicro / MICRO;
        x[at++] = log1p(it.windowSpendMicro / MICRO);
        x[at++] = log1p(it.windowRefundMicro / MICRO);
        x[at++] = log1p(SESSIONS[Long.bitCount(it.windowSessions)]);
        x[at++] = LOG1P[Long.bitCount(it.windowActiveDays)];
        x[at++] = LOG1P[Long.bitCount(it.windowOutcomeDays)];
        x[at++] = it.ratingCount > 0 ? (float) ((double) it.ratingSum / it.ratingCount - 3.0) : 0.0f;
        x[at++] = LOG1P[Math.min(it.ratingCount, Customer.COUNT_LIMIT)];
        x[at++] = log1p(ageDays);
        x[at++] = log1p(outcomeAge);
        x[at++] = log1p(days(instantMs - it.lastMs));
        x[at++] = log1p(sinceOutcome);
        x[at++] = ever ? 0.0f : 1.0f;
        x[at++] = log1p(it.touchpoints);
        x[at++] = log1p(it.activeDays);
        x[at++] = log1p(it.outcomeDays);
        x[at++] = log1p((it.outcomeDays + 0.5) / (ageDays + 30.0) * 30.0);
        x[at++] = log1p(spend);
        x[at++] = log1p(spend / Math.max(it.outcomeDays, 1.0));
        x[at++] = spend > 0 ? (float) Math.min(refund / Math.max(spend, 1e-6), 1.0) : 0.0f;
        x[at++] = (float) ((double) (instantMs - rules.startOf(it.window)) / rules.windowMs());
        x[at] = rules.windowOf(it.firstMs) == it.window ? 1.0f : 0.0f;
    }

    private static double days(long spanMs) {
        return Math.max(spanMs, 0L) / (double) Rules.DAY_MS;
    }

    private static float log1p(double value) {
        // Not Math.log1p, which is no intrinsic: the argument is 0 or large enough that nothing is lost in float.
        return (float) Math.log(1.0 + value);
    }
}

package streamseg.peer;

import java.util.Arrays;

/** What is kept of one customer: the life, the running window, the fold of closed windows, and the last decision. */
final class Customer {
    static final int KEPT_IDS = 16;
    static final int COUNT_LIMIT = 65_535;

    // Life, since the first touchpoint; the sums include the running window.
    long firstMs = Long.MAX_VALUE;
    long lastMs;
    long firstOutcomeMs = Long.MAX_VALUE;
    long lastOutcomeMs;
    long touchpoints;
    long outcomeDays;
    long activeDays;
    long spendMicro;
    long refundMicro;

    // The running window.
    long window = Long.MIN_VALUE;
    long windowSpendMicro;
    long windowRefundMicro;
    long windowActiveDays;
    long windowOutcomeDays;
    long windowSessions;
    int ratingSum;
    int ratingCount;
    final char[] typeCounts;
    final char[] channelCounts;

    // All closed windows, folded.
    final float[] h;
    final float[] c;

    // What was last said.
    int stage;
    int behaviour = -1;
    long sinceMs;
    long alertedMs = -1;
    long publishedMs = -1;
    double publishedRisk;

    // Ids of the latest touchpoints, in a ring.
    final long[] ids = new long[KEPT_IDS];
    int accepted;

    Customer(int types, int channels, int hidden) {
        typeCounts = new char[types];
        channelCounts = new char[channels];
        h = new float[hidden];
        c = new float[hidden];
    }

    boolean knows(long eventHash) {
        for (int i = Math.min(accepted, KEPT_IDS) - 1; i >= 0; i--) {
            if (ids[i] == eventHash) {
                return true;
            }
        }
        return false;
    }

    void remember(long eventHash) {
        ids[accepted++ % KEPT_IDS] = eventHash;
    }

    /** Begin another window; its predecessors are in the fold. */
    void open(long next) {
        window = next;
        windowSpendMicro = 0;
        windowRefundMicro = 0;
        windowActiveDays = 0;
        windowOutcomeDays = 0;
        windowSessions = 0;
        ratingSum = 0;
        ratingCount = 0;
        Arrays.fill(typeCounts, (char) 0);
        Arrays.fill(channelCounts, (char) 0);
    }

    /** Count a touchpoint of the running window, or of one before it: that one's days and fold stay as they are. */
    void add(Touchpoint touch, long eventMs, boolean isOutcome, Rules rules) {
        firstMs = Math.min(firstMs, eventMs);
        lastMs = Math.max(lastMs, eventMs);
        touchpoints++;
        long spend = Math.max(touch.amountMicro(), 0);
        long refund = Math.max(-touch.amountMicro(), 0);
        spendMicro += spend;
        refundMicro += refund;
        if (isOutcome) {
            firstOutcomeMs = Math.min(firstOutcomeMs, eventMs);
            lastOutcomeMs = Math.max(lastOutcomeMs, eventMs);
        }
        if (rules.windowOf(eventMs) != window) {
            return;
        }
        long day = 1L << ((eventMs - rules.startOf(window)) / Rules.DAY_MS);
        activeDays += Long.bitCount(day & ~windowActiveDays);
        windowActiveDays |= day;
        if (isOutcome) {
            outcomeDays += Long.bitCount(day & ~windowOutcomeDays);
            windowOutcomeDays |= day;
        }
        windowSpendMicro += spend;
        windowRefundMicro += refund;
        if (touch.sessionHash() != 0) {
            windowSessions |= 1L << (touch.sessionHash() & 63);
        }
        if (touch.rating() > 0) {
            ratingSum += touch.rating();
            ratingCount++;
        }
        count(typeCounts, touch.type());
        count(channelCounts, touch.channel());
    }

    private static void count(char[] counts, int code) {
        if (counts[code] < COUNT_LIMIT) {
            counts[code]++;
        }
    }
}

package streamseg.peer;

import java.nio.ByteBuffer;

/**
 * The rules of the deployment, exported from the same Python objects that the worker runs by.
 *
 * @param isOutcome by type code
 * @param moneySign by type code: 1 spend, -1 money back, 0 neither
 */
record Rules(
        long windowMs,
        long originMs,
        long latenessMs,
        long skewMs,
        int gateTouchpoints,
        long gateAgeMs,
        double coolingEnter,
        double coolingExit,
        double atRiskEnter,
        double atRiskExit,
        long lapseMs,
        long dwellMs,
        long alertCooldownMs,
        long wonBackMs,
        double behaviourMargin,
        double profileStep,
        long profileTtlMs,
        boolean[] isOutcome,
        int[] moneySign) {

    static final long DAY_MS = 86_400_000L;

    static Rules read(ByteBuffer data, int typeCount) {
        return new Rules(
                (long) data.getDouble() * DAY_MS,
                (long) data.getDouble(),
                (long) data.getDouble(),
                (long) data.getDouble(),
                (int) data.getDouble(),
                (long) data.getDouble() * DAY_MS,
                data.getDouble(),
                data.getDouble(),
                data.getDouble(),
                data.getDouble(),
                (long) data.getDouble() * DAY_MS,
                (long) data.getDouble() * DAY_MS,
                (long) data.getDouble() * DAY_MS,
                (long) data.getDouble() * DAY_MS,
                data.getDouble(),
                data.getDouble(),
                (long) data.getDouble() * DAY_MS,
                flags(data, typeCount),
                signs(data, typeCount));
    }

    long windowOf(long instantMs) {
        return Math.floorDiv(instantMs - originMs, windowMs);
    }

    long startOf(long window) {
        return originMs + window * windowMs;
    }

    private static boolean[] flags(ByteBuffer data, int count) {
        boolean[] flags = new boolean[count];
        for (int code = 0; code < count; code++) {
            flags[code] = data.getDouble() != 0;
        }
        return flags;
    }

    private static int[] signs(ByteBuffer data, int count) {
        int[] signs = new int[count];
        for (int code = 0; code < count; code++) {
            signs[code] = (int) data.getDouble();
        }
        return signs;
    }
}

//! Rate limits that replicas share: the generic cell rate algorithm by the server's clock.

use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;

/// Reads the clock once, after the row is locked. Limits the wait to one burst, even if the clock was
/// set back.
const TAKE_SLOT: &str = "
    INSERT INTO rate_limits AS stored (account, next_slot, wait)
    VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $2, 0)
    ON CONFLICT (account) DO UPDATE SET (next_slot, wait) = (
        SELECT CASE WHEN early <= 0 THEN greatest(next_slot, now) + $2 ELSE next_slot END,
               greatest(early, 0)
        FROM (
            SELECT now, next_slot, next_slot - $3 - now AS early
            FROM (
                SELECT now, least(stored.next_slot, now + $2 + $3) AS next_slot
                FROM (
                    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now OFFSET 0
                ) AS clock
            ) AS bounded
        ) AS measured
    )
    RETURNING wait";

/// Takes an account's next slot, or returns how long the caller has to wait for it.
pub(super) async fn take_slot(
    client: &ClientWrapper,
    account: &str,
    interval: Duration,
    burst: u32,
) -> Result<Option<Duration>, Error> {
    let statement = client.prepare_cached(TAKE_SLOT).await?;
    let interval = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX).min(i64::MAX / 4);
    let tolerance = interval.saturating_mul(burst.saturating_sub(1).into()).min(i64::MAX / 4);
    let row = client.query_one(&statement, &[&account, &interval, &tolerance]).await?;
    let wait = row.get::<_, i64>(0).unsigned_abs();
    Ok((wait > 0).then(|| Duration::from_micros(wait)))
}

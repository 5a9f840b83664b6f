//! Rate limits that replicas share, by the generic cell rate algorithm and the server's clock.

use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;

/// The clock is read once, after the row is locked. Even if it was set back, nobody waits for
/// longer than a burst takes.
const TAKE: &str = "
    INSERT INTO limits AS known (account, even, wait)
    VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $2, 0)
    ON CONFLICT (account) DO UPDATE SET (even, wait) = (
        SELECT CASE WHEN early <= 0 THEN greatest(even, now) + $2 ELSE even END, greatest(early, 0)
        FROM (
            SELECT now, even, even - $3 - now AS early
            FROM (
                SELECT now, least(known.even, now + $2 + $3) AS even
                FROM (
                    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now OFFSET 0
                ) AS clock
            ) AS bounded
        ) AS measured
    )
    RETURNING wait";

/// Takes an account's next turn, or says how long it has to be waited for.
pub(super) async fn take_turn(
    client: &ClientWrapper,
    account: &str,
    per: Duration,
    burst: u32,
) -> Result<Option<Duration>, Error> {
    let take = client.prepare_cached(TAKE).await?;
    let between = i64::try_from(per.as_micros()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
    let ahead = between.saturating_mul(burst.saturating_sub(1).into()).min(i64::MAX / 4);
    let row = client.query_one(&take, &[&account, &between, &ahead]).await?;
    let wait = row.get::<_, i64>(0).unsigned_abs();
    Ok((wait > 0).then(|| Duration::from_micros(wait)))
}

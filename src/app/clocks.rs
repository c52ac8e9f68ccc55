//! Somebody sets the wall clock: what measures how much time passes keeps its length, and what waits
//! for a moment of the wall stays.
use jiff::{SignedDuration, Timestamp};

use super::App;
use super::paging::queue;
use crate::domain::{Actor, DeliveryId};
use crate::error::Result;
use crate::store::Read;

/// Smaller differences between wall and boot clock are drift, not a step.
const STEP: SignedDuration = SignedDuration::from_secs(2);

/// Wall and boot clock when they were last compared.
pub(super) struct Clocks {
    /// None before the first look.
    pub wall: Option<Timestamp>,
    pub boot: std::time::Duration,
    /// When somebody last set the wall clock, and by how much.
    pub step: Option<(Timestamp, SignedDuration)>,
}

impl App {
    /// Did somebody set the wall clock since the last look? Then elapsed timers keep their
    /// length, and the step is returned. Suspend and downtime are not steps.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be stored; the next look tries again.
    pub async fn follow_clock(&self) -> Result<Option<SignedDuration>> {
        let mut clocks = self.0.clocks.lock().await;
        let (wall, boot) = (self.now(), self.0.clock.since_boot());
        let passed = SignedDuration::try_from(boot.saturating_sub(clocks.boot)).unwrap_or_default();
        let before = match clocks.wall {
            Some(before) => before,
            // A clock that starts behind what it once was is set back; downtime goes forward.
            None => {
                let start = wall.saturating_sub(passed).unwrap_or(wall);
                self.0.store.read(|r| r.last_wall()).await?.map_or(start, |last| last.max(start))
            }
        };
        let step = wall.duration_since(before).saturating_sub(passed);
        let stepped = step.abs() > STEP;
        if stepped {
            self.write(move |w| {
                w.note_wall()?;
                let stay = waiting_for_morning(w)?;
                w.shift_elapsed(step, &stay)?;
                // What people are shown moves with its timers.
                for id in w.measuring()? {
                    let mut incident = w.incident(id)?;
                    let before = incident.clone();
                    let said = incident.clock_was_set(step);
                    w.save_paging(&mut incident, &before)?;
                    if let Some(change) = said {
                        w.append(&mut incident, change, &Actor::system())?;
                    }
                }
                Ok(())
            })
            .await?;
            clocks.step = Some((wall, step));
        }
        (clocks.wall, clocks.boot) = (Some(wall), boot);
        Ok(stepped.then_some(step))
    }

    /// When somebody last set the wall clock since the start, and by how much.
    pub(super) async fn last_clock_step(&self) -> Option<(Timestamp, SignedDuration)> {
        self.0.clocks.lock().await.step
    }
}

/// Messages that wait for the end of somebody's quiet hours: at seven it is morning, whatever time
/// has passed.
fn waiting_for_morning(r: &Read<'_>) -> Result<Vec<DeliveryId>> {
    let mut found = Vec::new();
    for (user, waiting) in r.put_off_for_quiet()? {
        let (Some(quiet), Some(user)) = (r.rules(user)?.quiet, r.find_user(user)?) else {
            continue;
        };
        let zone = queue::zone(&user);
        let ends = waiting.into_iter().filter(|(_, due_at)| quiet.ends_at(*due_at, &zone));
        found.extend(ends.map(|(id, _)| id));
    }
    Ok(found)
}

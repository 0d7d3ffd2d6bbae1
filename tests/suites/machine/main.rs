//! A machine that is not as it should be: its clock is set, or its disk hangs.

#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod clock;
mod hang;
mod time;

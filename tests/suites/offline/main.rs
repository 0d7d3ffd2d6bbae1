//! What is done to a database that no server has open: checked, compacted, restored.

mod backup;
mod backup_ends;
mod compact;
mod edits;
mod forge;
mod kept;
mod state;
mod verify_command;
mod verify_log;
mod verify_rows;
mod verify_whole;
mod world;

//! A way to the same SQLite without a thread between: the ledger's statements run where the ledger asks for them.
//!
//! The driver that the ledger is delivered with gives every statement to a thread of its own and waits for its answer.
//! That is right for a file on a disk and costs a simulation most of its time: two threads that wake one another for
//! each of some hundred statements of an episode. This driver is put behind the ledger's own connections (`sqlx::Any`)
//! in its stead. What is below it is the same SQLite, built from the same source; what is above it is the ledger,
//! statement for statement. Between, this module only carries arguments down and rows up.
//!
//! Never: knows a statement, a table or a rule of the ledger. That both drivers tell the same story of a seed is a test
//! (`tests/seeds.rs`).

mod connection;
mod kinds;
mod template;

use std::sync::Once;

use sqlx_core::any::driver::AnyDriver;

pub use template::Template;

/// What an address of this driver begins with.
const SCHEME: &str = "sqlite-direct";
/// A fresh copy of the template.
pub const ADDRESS: &str = "sqlite-direct:copy";

/// SQLite's own, and this one.
const DRIVERS: &[AnyDriver] = &[sqlx::sqlite::any::DRIVER, AnyDriver::without_migrate::<kinds::Direct>()];

/// Makes this driver known beside SQLite's own. Drivers are the whole process's and are set once, before the first ledger is opened.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if sqlx::any::install_drivers(DRIVERS).is_ok() {
            deed_ledger::drivers_are_chosen();
        }
    });
}

//! The rules that need more room than their own file: examples and properties through the public API alone.

#[cfg(test)]
mod audience;
#[cfg(test)]
mod calendar;
#[cfg(test)]
mod due;
#[cfg(test)]
mod pace;
#[cfg(test)]
mod reminder;
#[cfg(test)]
mod schedule;
#[cfg(test)]
mod support;

//! Shared by the fuzz targets: the properties, which the test suite checks on the corpus too, and a
//! mutation that respects the format of the inputs.

pub mod mutation;
pub mod properties;

//! What the fuzz targets share: the properties, which the test suite holds the corpus against too,
//! and a mutation that knows the form of the inputs.

pub mod mutation;
pub mod properties;

//! The site file: read, with every problem at once.

"""What is to be measured: a suite's schema, its loading, and the configurations it stands for."""

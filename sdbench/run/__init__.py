"""How a suite is measured: the plan, the controller, its workers, and what they say."""

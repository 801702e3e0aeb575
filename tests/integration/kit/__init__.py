"""The test kit, used as by those who write workflows."""

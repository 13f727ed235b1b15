"""Work off the window's thread: workers, child processes and their events. QtCore only."""

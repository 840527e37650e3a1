"""The Faust agents: processes of their own that never steal the event path's time."""

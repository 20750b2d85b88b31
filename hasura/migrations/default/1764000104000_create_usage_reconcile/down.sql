drop function usage.reconcile(uuid, boolean);

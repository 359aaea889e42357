-- What is there but not public yet is looked at again, what was found so before this too.
UPDATE actions SET verify_at = updated_at WHERE state = 'confirmed_success' AND visibility = 'pending_review';

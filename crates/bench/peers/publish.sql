\set made :made + 1
\set entity random_zipfian(1, :entities, 1.001) - 1
\set moves (:made + :client_id) % 5 = 0
\if :moves
SELECT publish('mailer.example', lpad(:client_id::text, 3, '0') || '-' || lpad(:made::text, 10, '0'), 'load.moving', 'contact/4711', 'deal/' || lpad(:entity::text, 8, '0'), '{"campaign": "spring-offer", "url": "https://shop.example/offers/spring?from=mail", "amount": 129.5}');
\else
SELECT publish('mailer.example', lpad(:client_id::text, 3, '0') || '-' || lpad(:made::text, 10, '0'), 'campaign.viewed', 'contact/4711', 'deal/' || lpad(:entity::text, 8, '0'), '{"campaign": "spring-offer", "url": "https://shop.example/offers/spring?from=mail", "amount": 129.5}');
\endif

import { MARKER } from '../../../marker';

export const dynamic = 'force-dynamic';

export function GET() {
  return Response.json({ text: MARKER });
}

export const POST = GET;

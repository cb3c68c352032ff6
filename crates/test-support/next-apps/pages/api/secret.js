import { MARKER } from '../../marker';

export default function handler(request, response) {
  response.status(200).json({ text: MARKER });
}
